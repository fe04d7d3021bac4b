import { describe, expect, it } from "vitest";
import { baseOf, duration, money, percent, price, quantity, shortDateTime, signed, words } from "../src/lib/format";

describe("prices", () => {
  it("keep five significant digits however small they are", () => {
    expect(price("67250.1")).toBe("67,250.10");
    expect(price("148.2")).toBe("148.20");
    expect(price("0.62")).toBe("0.62000");
    expect(price("0.0000118")).toBe("0.000011800");
  });

  it("are a dash when they are not known", () => {
    expect(price(null)).toBe("—");
    expect(price(undefined)).toBe("—");
    expect(price("not a number")).toBe("—");
  });
});

describe("amounts", () => {
  it("carry their sign, and none when they round to zero", () => {
    expect(signed("12.345")).toBe("+12.35");
    expect(signed("-12.345")).toBe("−12.35");
    expect(signed("-0.001")).toBe("0.00");
    expect(signed("0.001")).toBe("0.00");
    expect(percent("-1.5")).toBe("−1.50%");
    expect(money("1234.5")).toBe("1,234.50");
  });

  it("are shortened when nobody could read them", () => {
    expect(quantity("38000000")).toBe("38M");
    expect(quantity("0.00670000")).toBe("0.0067");
  });
});

describe("words and times", () => {
  it("read names as people write them", () => {
    expect(words("STOP_LOSS_LIMIT")).toBe("Stop loss limit");
    expect(words("waiting_sell")).toBe("Waiting sell");
    expect(words("SimpleMA_Cross")).toBe("SimpleMA Cross");
    expect(words("")).toBe("—");
    expect(baseOf("BTCUSDC", "USDC")).toBe("BTC");
    expect(baseOf("ETHBTC", "USDC")).toBe("ETHBTC");
  });

  it("show times in UTC", () => {
    expect(shortDateTime("2026-03-04T14:05:09+00:00")).toBe("04 Mar 14:05:09");
    expect(shortDateTime(null)).toBe("—");
    expect(duration(0, 59_000)).toBe("<1m");
    expect(duration(0, 3_900_000)).toBe("1h 05m");
    expect(duration(0, 90_000_000)).toBe("1d 1h");
  });
});
