/** What somebody has begun to type into a form: kept for this tab, so that neither a reload nor a redrawing loses it. */

/** Restores and keeps the form's values; returns what forgets them, for when they have been sent. */
export function keepTyped(form: HTMLFormElement, name: string): () => void {
  const key = `cityos.typed.${name}`;
  const controls = () =>
    [...form.elements].filter(
      (one): one is HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement =>
        one instanceof HTMLInputElement ||
        one instanceof HTMLSelectElement ||
        one instanceof HTMLTextAreaElement,
    );
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}") as Readonly<Record<string, string>>;
    for (const one of controls()) {
      const value = kept[one.name];
      // A choice that is gone since leaves the first one.
      const there = !(one instanceof HTMLSelectElement) || [...one.options].some((o) => o.value === value);
      if (value !== undefined && there) one.value = value;
    }
  } catch {
    // A browser that keeps nothing: the text lives as long as the form.
  }
  const keep = () => {
    try {
      sessionStorage.setItem(
        key,
        JSON.stringify(Object.fromEntries(controls().map((one) => [one.name, one.value]))),
      );
    } catch {
      // As above.
    }
  };
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);
  return () => {
    try {
      sessionStorage.removeItem(key);
    } catch {
      // As above.
    }
    form.reset();
  };
}
