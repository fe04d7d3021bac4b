import { beforeEach, describe, expect, it, vi } from "vitest";
import { act, api, ApiError, reply } from "../src/api/client";
import { readToken, writeToken } from "../src/api/token";

function answering(status: number, body: unknown): ReturnType<typeof vi.fn> {
  const fake = vi.fn(async (_call: string | Request, _init?: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal("fetch", fake);
  return fake;
}

describe("calls", () => {
  beforeEach(() => sessionStorage.clear());

  it("send the token with actions, never with reads", async () => {
    writeToken("secret");
    const fake = answering(200, {});
    await reply(api.GET("/api/trades", { params: { query: { limit: 5 } } }));
    await act("POST", "/api/trader/order", { symbol: "BTCUSDC" });
    const [read, action] = fake.mock.calls as [[Request], [string, RequestInit]];
    expect(new URL(read[0].url).pathname + new URL(read[0].url).search).toBe("/api/trades?limit=5");
    expect(read[0].headers.get("Authorization")).toBeNull();
    expect((action[1].headers as Record<string, string>)["Authorization"]).toBe("Bearer secret");
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
    await expect(reply(api.GET("/api/health"), [503])).resolves.toEqual({ status: "degraded" });
    await expect(reply(api.GET("/api/health"))).rejects.toBeInstanceOf(ApiError);
  });
});
