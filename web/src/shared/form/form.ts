/** Forms: labelled fields, one button, and what went wrong said in the page's status line. */
import { byId, h, setText } from "../dom/h";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type?: string;
  readonly autocomplete?: string;
  readonly required?: boolean;
  readonly value?: string;
  readonly options?: readonly (readonly [value: string, label: string])[];
}

function control(field: Field): HTMLElement {
  const shared = { name: field.name, required: field.required ?? false };
  if (field.options) {
    return h("select", shared, ...field.options.map(([value, label]) => h("option", { value }, label)));
  }
  if (field.type === "textarea") return h("textarea", { ...shared, rows: 5 }, field.value ?? "");
  const autocomplete = field.autocomplete ?? "off";
  return h("input", { ...shared, type: field.type ?? "text", autocomplete, value: field.value ?? "" });
}

/** A form that calls `send` with its values; while it runs the button is off, and errors are said. */
export function renderForm(
  fields: readonly Field[],
  button: string,
  send: (values: Record<string, string>) => Promise<void>,
  extra: Node | null = null,
): HTMLFormElement {
  const submit = h("button", { class: "button", type: "submit" }, button);
  const form = h(
    "form",
    { class: "form" },
    ...fields.map((field) => h("label", {}, h("span", {}, field.label), control(field))),
    extra,
    submit,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values: Record<string, string> = {};
    for (const [name, value] of new FormData(form)) if (typeof value === "string") values[name] = value;
    submit.disabled = true;
    void attempt(() => send(values)).finally(() => {
      submit.disabled = false;
    });
  });
  return form;
}

/** A button that does one thing and says what went wrong. */
export function renderButton(label: string, act: () => Promise<void>): HTMLButtonElement {
  const button = h("button", { class: "button", type: "button" }, label);
  button.addEventListener("click", () => {
    button.disabled = true;
    void attempt(act).finally(() => {
      button.disabled = false;
    });
  });
  return button;
}

/** Says it in the page's status line, which screen readers speak. */
export function say(text: string, bad = false): void {
  const line = byId("said", HTMLElement);
  line.classList.toggle("said--bad", bad);
  setText(line, text);
}

export async function attempt(act: () => Promise<void>): Promise<void> {
  say("");
  try {
    await act();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
  }
}
