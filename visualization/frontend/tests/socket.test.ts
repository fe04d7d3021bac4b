import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveSocket, type ConnectionState } from "../src/live/socket";
import { TickerStore } from "../src/live/tickers";

class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readyState = 0;
  sent: string[] = [];

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }

  accept(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

describe("the live socket", () => {
  let opened: FakeSocket[];
  let socket: LiveSocket;

  beforeEach(() => {
    vi.useFakeTimers();
    opened = [];
    socket = new LiveSocket("ws://test", {
      open: () => {
        const fake = new FakeSocket();
        opened.push(fake);
        return fake as unknown as WebSocket;
      },
      silenceMs: 1_000,
      random: () => 0.5,
    });
    socket.start();
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

  it("comes back after a loss with growing pauses and subscribes again", () => {
    const states: ConnectionState[] = [];
    socket.onState((state) => states.push(state));
    socket.subscribe("trades", () => {});
    opened[0]?.accept();
    opened[0]?.close();
    vi.advanceTimersByTime(500);
    opened[1]?.close();
    vi.advanceTimersByTime(999);
    expect(opened).toHaveLength(2);
    vi.advanceTimersByTime(1);
    opened[2]?.accept();
    expect(states).toEqual(["live", "lost", "live"]);
    expect(subscriptions(opened[2])).toEqual([{ action: "subscribe", channel: "trades" }]);
  });

  it("takes silence for a loss", () => {
    opened[0]?.accept();
    vi.advanceTimersByTime(900);
    opened[0]?.say({ type: "heartbeat", data: {} });
    vi.advanceTimersByTime(900);
    expect(socket.state).toBe("live");
    vi.advanceTimersByTime(200);
    expect(socket.state).toBe("lost");
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
