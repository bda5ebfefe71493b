import { expect, test } from "vitest";
import { type Campaign, campaignOf, valuesOf } from "../src/programme/campaign";
import { Refused } from "../src/shared/account/session";
import { untilAnswered } from "../src/till/pending";
import { lastMonth } from "../src/treasurer/settlements";
import { readShopCode } from "../src/wallet/emv";

test("a campaign goes through the form unchanged, also what the form does not show", () => {
  const campaign = {
    id: "idou75",
    title: "移動支援",
    rule: { type: "fixed", points: 3000, once_per: "household", proof: "本人確認書類" },
    start: "2026-04-01",
    end: "2027-03-31",
    where: { areas: [], categories: ["飲食", "交通"] },
    who: { min_age: 75, max_age: 200, residence: ["中央"] },
    caps: { per_day: null, per_person: 3000 },
    grant: { issuer: "city", valid_months: 12, spend_on: ["transport"] },
  } as Campaign;
  expect(campaignOf(valuesOf(campaign), campaign)).toEqual(campaign);
});

test("a shop's code shows its name and amount; anything else shows nothing", () => {
  expect(readShopCode("000201010212540450005905カフェ花屋6304ABCD")).toEqual({
    name: "カフェ花屋",
    amount: "5000",
  });
  expect(readShopCode("0002015905shop164150002JA0105カフェ花屋6304ABCD")).toEqual({
    name: "カフェ花屋",
    amount: null,
  });
  expect(readShopCode("00020159")).toBeNull();
  expect(readShopCode("https://example.jp")).toBeNull();
});

test("a sale without an answer is sent again, and a decision ends it", async () => {
  const answers = [new Refused(0, "no line"), new Refused(503, "busy"), "paid"];
  let tries = 0;
  const heard: number[] = [];
  const send = async () => {
    const next = answers[tries++];
    if (next instanceof Refused) throw next;
    return next;
  };
  expect(
    await untilAnswered(
      send,
      (count) => heard.push(count),
      () => false,
    ),
  ).toBe("paid");
  expect(heard).toEqual([1, 2]);
  const refused = async () => {
    throw new Refused(409, "残高が足りません");
  };
  await expect(
    untilAnswered(
      refused,
      () => expect.unreachable(),
      () => false,
    ),
  ).rejects.toThrow("残高");
});

test("the month before is Japan's, also in January", () => {
  expect(lastMonth(new Date("2026-12-31T16:00:00Z"))).toBe("2026-12");
  expect(lastMonth(new Date("2026-12-31T14:00:00Z"))).toBe("2026-11");
});
