import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveSocket, type ConnectionState } from "../src/live/socket";
import { TickerStore } from "../src/live/tickers";

let opened: FakeSocket[] = [];

class FakeSocket extends EventTarget {
  readyState = 0;
  sent: string[] = [];

  constructor(readonly url: string) {
    super();
    opened.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close"));
  }

  accept(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  say(frame: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  }
}

describe("the live socket", () => {
  let socket: LiveSocket;

  beforeEach(async () => {
    vi.useFakeTimers();
    opened = [];
    socket = new LiveSocket("ws://test", {
      WebSocket: FakeSocket as unknown as new (url: string) => WebSocket,
      silenceMs: 1_000,
      random: () => 0.5,
    });
    socket.start();
    await vi.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    socket.stop();
    vi.useRealTimers();
  });

  const subscriptions = (fake: FakeSocket | undefined) => fake?.sent.map((text) => JSON.parse(text) as unknown);

  it("subscribes once for all readers of a channel and leaves with the last", () => {
    opened[0]?.accept();
    const leaveFirst = socket.subscribe("trades", () => {});
    const leaveSecond = socket.subscribe("trades", () => {});
    leaveFirst();
    leaveSecond();
    expect(subscriptions(opened[0])).toEqual([
      { action: "subscribe", channel: "trades" },
      { action: "unsubscribe", channel: "trades" },
    ]);
  });

  it("hands an update to the readers of its channel only", () => {
    const seen: unknown[] = [];
    socket.subscribe("trades", (data) => seen.push(data));
    opened[0]?.accept();
    opened[0]?.say({ type: "update", channel: "trades", data: 1 });
    opened[0]?.say({ type: "update", channel: "cycles", data: 2 });
    opened[0]?.say({ type: "subscription", channel: "trades", data: 3 });
    expect(seen).toEqual([1]);
  });

  it("comes back after a loss with growing pauses and subscribes again", async () => {
    const states: ConnectionState[] = [];
    socket.onState((state) => states.push(state));
    socket.subscribe("trades", () => {});
    opened[0]?.accept();
    opened[0]?.close();
    await vi.advanceTimersByTimeAsync(500);
    opened[1]?.close();
    await vi.advanceTimersByTimeAsync(999);
    expect(opened).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    opened[2]?.accept();
    expect(states).toEqual(["live", "lost", "live"]);
    expect(subscriptions(opened[2])).toEqual([{ action: "subscribe", channel: "trades" }]);
  });

  it("takes silence for a loss, and does not listen to what was silent any more", async () => {
    const seen: unknown[] = [];
    socket.subscribe("trades", (data) => seen.push(data));
    opened[0]?.accept();
    await vi.advanceTimersByTimeAsync(900);
    opened[0]?.say({ type: "heartbeat", data: {} });
    await vi.advanceTimersByTimeAsync(900);
    expect(socket.state).toBe("live");
    await vi.advanceTimersByTimeAsync(200);
    expect(socket.state).toBe("lost");
    opened[0]?.say({ type: "update", channel: "trades", data: 1 });
    expect(seen).toEqual([]);
    expect(opened).toHaveLength(2);
  });

  it("tries again when an attempt gets no answer", async () => {
    await vi.advanceTimersByTimeAsync(10_000);
    expect(opened.length).toBeGreaterThan(1);
    expect(socket.state).toBe("lost");
  });

  it("stays away once it was stopped, and can be started again", async () => {
    const states: ConnectionState[] = [];
    opened[0]?.accept();
    socket.onState((state) => states.push(state));
    socket.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened).toHaveLength(1);
    expect(states).toEqual([]);
    socket.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(opened).toHaveLength(2);
  });
});

describe("the price store", () => {
  it("keeps the newest tick and the change it knows", () => {
    const store = new TickerStore();
    store.put({ symbol: "BTCUSDC", price: "2", change_percent: "1.5", time: 20 });
    store.put({ symbol: "BTCUSDC", price: "1", change_percent: null, time: 10 });
    expect(store.get("BTCUSDC")?.price).toBe("2");
    store.put({ symbol: "BTCUSDC", price: "3", change_percent: null, time: 30 });
    expect(store.get("BTCUSDC")).toEqual({ symbol: "BTCUSDC", price: "3", change_percent: "1.5", time: 30 });
  });

  it("wakes only who reads the symbol", () => {
    const store = new TickerStore();
    let woken = 0;
    store.subscribe("BTCUSDC", () => (woken += 1));
    store.put({ symbol: "ETHUSDC", price: "1", change_percent: null, time: 1 });
    store.put({ symbol: "BTCUSDC", price: "1", change_percent: null, time: 1 });
    expect(woken).toBe(1);
  });
});
