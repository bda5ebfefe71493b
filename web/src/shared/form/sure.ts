/** A button that asks once more before it does something that cannot be taken back lightly. */
import { h } from "../dom/h";
import { renderButton } from "./form";

export function renderSure(
  label: string,
  sure: string,
  keep: string,
  act: () => Promise<void>,
): HTMLSpanElement {
  const place = h("span", { class: "row" });
  const first = h("button", { class: "button", type: "button" }, label);
  const reset = () => {
    const had = place.contains(document.activeElement);
    place.replaceChildren(first);
    if (had) first.focus();
  };
  first.addEventListener("click", () => {
    const yes = renderButton(sure, async () => {
      await act();
      reset();
    });
    const no = h("button", { class: "button", type: "button" }, keep);
    no.addEventListener("click", reset);
    place.replaceChildren(yes, no);
    yes.focus();
  });
  reset();
  return place;
}
