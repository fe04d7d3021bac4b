import { describe, expect, it } from "vitest";
import { tradeOf, withTrade } from "../src/lib/trades";
import { trade } from "./builders";

const at = (id: string, time: string) => trade({ id, time: `2026-03-04T14:00:${time}+00:00` });

describe("a fill that is told", () => {
  it("is the trade that the service would list", () => {
    const { id, time, ...same } = trade();
    const event = { message_id: "m", correlation_id: "", client_order_id: "rt-1", trade_id: 1, intent_id: "i" };
    expect(tradeOf({ ...event, ...same, role: "taker", demo: true, execution_id: id, occurred_at: time })).toEqual(trade());
  });

  it("takes its place in time, newest first", () => {
    const listed = [at("3", "30"), at("1", "10")];
    expect(withTrade(listed, at("4", "40")).map(({ id }) => id)).toEqual(["4", "3", "1"]);
    expect(withTrade(listed, at("2", "20")).map(({ id }) => id)).toEqual(["3", "2", "1"]);
    expect(withTrade(listed, at("0", "00")).map(({ id }) => id)).toEqual(["3", "1", "0"]);
    expect(withTrade([], at("1", "10")).map(({ id }) => id)).toEqual(["1"]);
  });

  it("is there once when it is told twice, and makes no list endless", () => {
    const listed = Array.from({ length: 500 }, (_, number) => at(String(number), "10"));
    expect(withTrade(listed, at("7", "50"))).toHaveLength(500);
    const more = withTrade(listed, at("new", "50"));
    expect([more.length, more[0]?.id]).toEqual([500, "new"]);
  });
});
