// Puts around each page what all pages but the residents' map share. A page's own file says only what is its own: title,
// styles, script and the body's class.
import { readFile } from "node:fs/promises";

const FRAME = new URL("../src/shared/frame.html", import.meta.url);
const OWN = {
  title: /<title>(.+?)<\/title>/,
  styles: /<link rel="stylesheet" href="(.+?)" \/>/,
  script: /<script type="module" src="(.+?)">/,
  body: /<body(?: class="(.+?)")?>/,
};

/** A Vite plugin; leaves the page named in `alone` as it is. Throws where a page lacks one of its own parts. */
export function frame(alone) {
  return {
    name: "frame",
    transformIndexHtml: {
      order: "pre",
      async handler(html, { path }) {
        if (path === `/${alone}`) return html;
        const shared = await readFile(FRAME, "utf8");
        return shared.replace(/\{(\w+)\}/g, (_, part) => {
          const found = OWN[part].exec(html);
          if (found === null) throw new Error(`${path} does not say its ${part}`);
          return found[1] ?? "";
        });
      },
    },
  };
}
