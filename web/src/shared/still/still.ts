/** A camera's latest image with the time at which it was taken, fetched when somebody asks for it. */
import { h } from "../dom/h";

const TIMEOUT_MS = 15_000;

/** Where the city tells of its cameras. */
export const CAMERAS = "/api/v1/evacuation/cameras";

/** `title` says in words what the picture is, for those who do not see it too. Null where there is no image. */
export async function fetchStill(
  camera: string,
  title: (taken: string | null) => string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly [HTMLImageElement, HTMLElement] | null> {
  const path = `${CAMERAS}/${encodeURIComponent(camera)}/still`;
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) return null;
  const taken = answer.headers.get("Last-Modified");
  const text = title(taken === null ? null : new Date(taken).toISOString());
  const picture = h("img", { alt: text, src: URL.createObjectURL(await answer.blob()) });
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  return [picture, h("figcaption", {}, text)];
}
