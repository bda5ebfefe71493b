/** What anybody may read of the city: from the first of these paths that answers, the kept picture last. */

const TIMEOUT_MS = 15_000;

/** The answer's JSON, or null when none of them answers: then what is shown stays. */
export async function askPublic(paths: readonly string[]): Promise<unknown> {
  for (const path of paths) {
    try {
      const answer = await fetch(path, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (answer.ok) return (await answer.json()) as unknown;
    } catch (error) {
      console.warn(`${path}: ${String(error)}`);
    }
  }
  return null;
}
