/** Talks to the gateway as the person logged in: the session's cookie for the account, a token for everything else. */

import { inWords } from "./refusals";

const TIMEOUT_MS = 15_000;

export interface Person {
  readonly id: string;
  readonly login: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly hasSecondFactor: boolean;
}

export interface Session {
  readonly person: Person | null;
  readonly csrf?: string;
  readonly secondFactorDue?: boolean;
  readonly scopes?: readonly string[];
}

/**
 * The gateway said no, with its reason in the reader's words and, where it names them, its short name of the error, the
 * field, and the id of what stands in the way. `reason` is the gateway's own.
 */
export class Refused extends Error {
  override name = "Refused";
  constructor(
    readonly status: number,
    message: string,
    readonly code: string = "",
    readonly field: string = "",
    readonly reason: string = message,
    readonly existing: string = "",
  ) {
    super(message);
  }
}

function refusal(body: unknown, status: number): Refused {
  const said = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const reason = String(said.detail ?? said.error_description ?? said.error ?? `status ${status}`);
  const text = (key: string) => (typeof said[key] === "string" ? said[key] : "");
  const field = text("field");
  const message = inWords(readersLanguage(), status, reason, field);
  return new Refused(status, message, text("error"), field, reason, text("existing"));
}

function readersLanguage(): "ja" | "en" {
  return document.documentElement.lang === "en" ? "en" : "ja";
}

/** Sends JSON and gives the answer's JSON. Rejects with `Refused`, or `Refused` of status 0 where no answer came. */
export async function request<T>(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const form = typeof body === "string" ? "text/csv" : "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": form }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new Refused(0, inWords(readersLanguage(), 0, String(error)));
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    throw refusal(answer, response.status);
  }
  return answer as T;
}

/** One person's session on this page. The token stays in memory and is asked for again a minute before it ends. */
export class Account {
  private token: { text: string; until: number } | null = null;

  constructor(readonly session: Session) {}

  static async open(): Promise<Account> {
    return new Account(await request<Session>("GET", "/account/session"));
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.change<T>("POST", path, body);
  }

  /** A change of what is the person's own, by the session's cookie. */
  change<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
    return request<T>(method, path, body, { "X-CSRF-Token": this.session.csrf ?? "" });
  }

  async bearer(): Promise<string> {
    if (this.token === null || this.token.until < performance.now()) {
      const made = await this.post<{ access_token: string; expires_in: number }>("/account/token");
      this.token = { text: made.access_token, until: performance.now() + (made.expires_in - 60) * 1000 };
    }
    return this.token.text;
  }

  /** A request to the API with the person's own token. */
  async api<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    return request<T>(method, path, body, { ...headers, Authorization: `Bearer ${await this.bearer()}` });
  }

  /** Ends the session; gives the place to go to then, which may end one at an outside provider too. */
  async logOut(): Promise<string> {
    return (await this.post<{ redirect: string | null }>("/account/logout")).redirect ?? "/login.html";
  }

  /** Saves a file of the API's under a name. */
  async save(path: string, name: string): Promise<void> {
    const answer = await fetch(path, {
      headers: { Authorization: `Bearer ${await this.bearer()}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw refusal(await answer.json().catch(() => null), answer.status);
    const url = URL.createObjectURL(await answer.blob());
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    URL.revokeObjectURL(url);
  }

  may(scope: string): boolean {
    return this.session.scopes?.includes(scope) ?? false;
  }
}

/** Where to go after logging in: a path of this site, whatever the address bar says. */
export function safeNext(search: string, fallback: string, origin: string): string {
  const asked = new URLSearchParams(search).get("next") ?? fallback;
  try {
    const url = new URL(asked, origin);
    return url.origin === origin && asked.startsWith("/") ? url.pathname + url.search + url.hash : fallback;
  } catch {
    return fallback;
  }
}

/** The log-in page, which comes back here. */
export function loginAddress(): string {
  return `/login.html?next=${encodeURIComponent(location.pathname + location.search)}`;
}
