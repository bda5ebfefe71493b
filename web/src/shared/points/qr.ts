/** QR codes: drawn as a picture, and read by the camera where there is one. */
import encodeQR from "qr";
import { h, svg } from "../dom/h";
import { attempt } from "../form/form";
import type { PointsWords } from "./words";

/** The code as a picture: dark on white in every colour scheme, or scanners do not see it. */
export function drawCode(text: string, label: string): SVGSVGElement {
  const rows = encodeQR(text, "raw", { border: 4, ecc: "medium" });
  const dark = rows.flatMap((row, y) => row.flatMap((on, x) => (on ? [`M${x} ${y}h1v1h-1z`] : [])));
  return svg(
    "svg",
    { class: "qr", viewBox: `0 0 ${rows.length} ${rows.length}`, role: "img", "aria-label": label },
    svg("rect", { width: rows.length, height: rows.length, fill: "#fff" }),
    svg("path", { d: dark.join(""), fill: "#000", "shape-rendering": "crispEdges" }),
  );
}

/** A button that opens the camera; what it reads goes to `found` and the camera is closed. */
export function scanner(words: PointsWords, found: (text: string) => void): HTMLElement {
  const place = h("div", { class: "stack" });
  const button = h("button", { class: "button", type: "button" }, words.scan);
  place.append(button);
  button.addEventListener("click", () => void attempt(() => look(place, button, words, found)));
  return place;
}

async function look(
  place: HTMLElement,
  button: HTMLButtonElement,
  words: PointsWords,
  found: (text: string) => void,
): Promise<void> {
  const { QRCanvas, rearCamera } = await import("qr/dom.js");
  const video = h("video", { class: "camera", playsinline: true, muted: true });
  place.append(video);
  const camera = await rearCamera(video).catch(() => {
    video.remove();
    throw new Error(words.noCamera);
  });
  const canvas = new QRCanvas();
  const stop = h("button", { class: "button", type: "button" }, words.stopScan);
  let open = true;
  const end = () => {
    open = false;
    camera.stop();
    place.replaceChildren(button);
  };
  stop.addEventListener("click", end);
  place.replaceChildren(video, stop);
  while (open && place.isConnected) {
    const text = await camera.readFrame(canvas);
    if (open && typeof text === "string") {
      end();
      found(text);
    }
    await new Promise(requestAnimationFrame);
  }
  if (open) end();
}
