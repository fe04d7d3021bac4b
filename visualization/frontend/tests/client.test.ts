import { beforeEach, describe, expect, it, vi } from "vitest";
import { act, ApiError, get } from "../src/api/client";
import { readToken, writeToken } from "../src/api/token";

function answering(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fake = vi.fn(async (_url: string, _init?: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal("fetch", fake);
  return fake;
}

describe("calls", () => {
  beforeEach(() => sessionStorage.clear());

  it("send the token with actions, never with reads", async () => {
    writeToken("secret");
    const fake = answering(200, {});
    await get("/api/trades");
    await act("POST", "/api/trader/order", { symbol: "BTCUSDC" });
    const headers = fake.mock.calls.map((call) => (call[1] as RequestInit).headers as Record<string, string>);
    expect(headers[0]?.["Authorization"]).toBeUndefined();
    expect(headers[1]?.["Authorization"]).toBe("Bearer secret");
  });

  it("forget a token that was refused", async () => {
    writeToken("revoked");
    answering(401, { detail: "the token is unknown" });
    await expect(act("POST", "/api/trader/config/pause")).rejects.toThrow("the token is unknown");
    expect(readToken()).toBeNull();
  });

  it("say what was wrong in the service's own words", async () => {
    answering(422, { detail: [{ msg: "quantity must be positive" }, { msg: "unknown symbol" }] });
    await expect(act("POST", "/api/trader/order", {})).rejects.toEqual(
      new ApiError(422, "quantity must be positive; unknown symbol"),
    );
  });

  it("show an unhealthy platform instead of hiding it behind an error", async () => {
    answering(503, { status: "degraded" });
    await expect(get("/api/health", undefined, [503])).resolves.toEqual({ status: "degraded" });
    await expect(get("/api/health")).rejects.toBeInstanceOf(ApiError);
  });
});
