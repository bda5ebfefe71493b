/** The outside providers of this city, and those with which the account logged in is linked. */
import { request } from "../shared/account/session";

export interface Outside {
  readonly providers: readonly { readonly id: string; readonly title: string }[];
  readonly links: readonly { readonly id: string; readonly title: string; readonly linkedAt: string }[];
}

export function readOutside(): Promise<Outside> {
  return request<Outside>("GET", "/account/outside");
}
