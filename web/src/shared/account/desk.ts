/** The frame of every page with an account: language, who is logged in, logging out. */
import { byId, h, setText } from "../dom/h";
import { attempt } from "../form/form";
import {
  chooseLanguage,
  type LanguageCode,
  rememberedLanguage,
  rememberLanguage,
} from "../language/language";
import { Account, loginAddress } from "./session";
import { type Words, wordsOf } from "./words";

export type Title =
  | "pagePerson"
  | "pagePrivacy"
  | "pageTags"
  | "pageSearches"
  | "pageLogin"
  | "pageAccount"
  | "pageLogout"
  | "pageAuthorize"
  | "pageDeveloper"
  | "pageStaff"
  | "pageOfficer"
  | "pageKeeper"
  | "pageReview"
  | "pageSafety"
  | "pageRider"
  | "pageOperator"
  | "pageDriver"
  | "pageDispatcher"
  | "pageArea"
  | "pageManager"
  | "pageCatalogue"
  | "pageUsage"
  | "pageWallet"
  | "pageTill"
  | "pageProgramme"
  | "pageTreasury"
  | "pageMotorist"
  | "pageChargers";

/** Opens the session and draws the page, again whenever the language changes. */
export function openDesk(
  title: Title,
  draw: (main: HTMLElement, account: Account, words: Words) => Promise<void>,
): void {
  let code: LanguageCode = chooseLanguage(location.search, rememberedLanguage()).code;
  const main = byId("main", HTMLElement);
  const waiting = h("p", { class: "loading" });
  const render = () =>
    attempt(async () => {
      const words = wordsOf(code);
      setText(waiting, words.loading);
      if (!main.hasChildNodes()) main.append(waiting);
      document.documentElement.lang = code;
      document.title = words[title];
      setText(byId("title", HTMLElement), words[title]);
      setText(byId("skip", HTMLElement), words.skip);
      const switcher = byId("language", HTMLButtonElement);
      setText(switcher, words.other);
      switcher.lang = code === "ja" ? "en" : "ja";
      const account = await Account.open();
      const { person } = account.session;
      setText(byId("who", HTMLElement), person ? person.name || person.login : "");
      const logout = byId("logout", HTMLButtonElement);
      logout.hidden = person === null;
      setText(logout, words.logout);
      logout.onclick = () =>
        void attempt(async () => {
          location.assign(await account.logOut());
        });
      main.replaceChildren(waiting);
      await draw(main, account, words);
    }).finally(() => waiting.remove());
  byId("language", HTMLButtonElement).addEventListener("click", () => {
    code = code === "ja" ? "en" : "ja";
    rememberLanguage(code);
    void render();
  });
  void render();
}

/** As `openDesk`, for people who hold `scope`; others log in, or are told. */
export function openFor(
  title: Title,
  scope: string,
  draw: (main: HTMLElement, account: Account, code: LanguageCode) => Promise<void>,
): void {
  openDesk(title, async (main, account, words) => {
    if (account.session.person === null || account.session.secondFactorDue) {
      location.assign(loginAddress());
      return;
    }
    if (!account.may(scope)) {
      main.append(h("p", { class: "card" }, words.noRole));
      return;
    }
    await draw(main, account, document.documentElement.lang === "en" ? "en" : "ja");
  });
}
