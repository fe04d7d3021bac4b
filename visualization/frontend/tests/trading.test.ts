import { describe, expect, it } from "vitest";
import { parseSelection } from "../src/hooks/useSelection";
import { barTime, hasGap, supersedes } from "../src/lib/candles";
import { holdsPosition, isOpen, progress, unrealised } from "../src/lib/cycles";
import { liveEquity } from "../src/lib/equity";
import { inOrder, tradeMarkers } from "../src/lib/markers";
import { candle, cycle, trade } from "./builders";

describe("an open cycle", () => {
  it("is worth what its quantity brings at the last price", () => {
    expect(unrealised(cycle(), "102")).toEqual({ value: 51, pnl: 1, percent: 2 });
  });

  it("counts only what was not sold yet", () => {
    expect(unrealised(cycle({ exit_quantity: "0.4" }), "110")?.pnl).toBeCloseTo(1);
    expect(unrealised(cycle({ exit_quantity: "0.5" }), "110")).toBeNull();
  });

  it("has no result before it is filled, without a price, or when it is over", () => {
    expect(unrealised(cycle({ entry_price: null }), "102")).toBeNull();
    expect(unrealised(cycle({ quantity: "0" }), "102")).toBeNull();
    expect(unrealised(cycle(), undefined)).toBeNull();
    expect(unrealised(cycle({ status: "completed" }), "102")).toBeNull();
  });

  it("stands between its stop and its target, never outside", () => {
    expect(progress(cycle(), "101")).toBe(0.5);
    expect(progress(cycle(), "50")).toBe(0);
    expect(progress(cycle(), "500")).toBe(1);
    expect(progress(cycle({ stop_price: null }), "101")).toBeNull();
  });

  it("is told from a closed one", () => {
    expect(isOpen(cycle({ status: "waiting_sell" }))).toBe(true);
    expect(isOpen(cycle({ status: "failed" }))).toBe(false);
    expect(holdsPosition(cycle({ status: "waiting_buy", entry_price: null, quantity: "0" }))).toBe(false);
  });
});

describe("live equity", () => {
  const cash = { asset: "USDC", free: "100", locked: "0", total: "100", value_quote: "100" };
  const coins = { asset: "BTC", free: "0", locked: "2", total: "2", value_quote: null };

  it("adds cash and coins at their last price", () => {
    expect(liveEquity([cash, coins], "USDC", () => "50")).toBe(200);
  });

  it("is unknown as long as a coin has no price", () => {
    expect(liveEquity([cash, coins], "USDC", () => undefined)).toBeNull();
  });
});

describe("a live candle", () => {
  const last = { time: 60_000, is_closed: true };

  it("never goes back in time and never reopens a closed bar", () => {
    expect(supersedes(candle(0, "1"), last)).toBe(false);
    expect(supersedes(candle(60_000, "1"), last)).toBe(false);
    expect(supersedes(candle(60_000, "1", true), last)).toBe(true);
    expect(supersedes(candle(120_000, "1"), last)).toBe(true);
    expect(supersedes(candle(0, "1"), undefined)).toBe(true);
  });
});

describe("a row of candles", () => {
  it("has a gap where a bar is missing", () => {
    expect(hasGap([candle(0, "1"), candle(60_000, "1"), candle(120_000, "1")], 60_000)).toBe(false);
    expect(hasGap([candle(0, "1"), candle(120_000, "1")], 60_000)).toBe(true);
    expect(hasGap([], 60_000)).toBe(false);
  });
});

describe("trade marks", () => {
  it("stand on the bar the trade fell in", () => {
    expect(barTime(Date.parse("2026-03-04T14:03:20Z"), "5m")).toBe(Date.parse("2026-03-04T14:00:00Z") / 1000);
  });

  it("are one for all fills of an order on a bar, in order of time", () => {
    const marks = inOrder(
      tradeMarkers(
        [
          trade({ id: "3", order_id: "11", side: "SELL", purpose: "stop_loss", time: "2026-03-04T15:00:00Z" }),
          trade({ id: "1" }),
          trade({ id: "2" }),
        ],
        "1m",
      ),
    );
    expect(marks.map((mark) => mark.text)).toEqual(["Buy", "Stop"]);
  });
});

describe("the address", () => {
  it("names symbol and time frame, and what it names wrongly is left out", () => {
    expect(parseSelection("#/ETHUSDC/5m")).toEqual({ symbol: "ETHUSDC", timeframe: "5m" });
    expect(parseSelection("#/<script>/2m")).toEqual({ symbol: "", timeframe: "1m" });
    expect(parseSelection("")).toEqual({ symbol: "", timeframe: "1m" });
  });
});
