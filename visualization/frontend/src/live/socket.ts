import ReconnectingWebSocket from "partysocket/ws";

/** One WebSocket for the whole page. Channels are counted: the last reader to leave unsubscribes.
 *
 * It reconnects for as long as the page lives, with growing pauses, and tells its listeners each time it is back, so
 * that they fetch what they missed. A silent connection (no heartbeat) counts as lost. */

export type ConnectionState = "connecting" | "live" | "lost";

export interface Frame {
  type: "connection" | "subscription" | "update" | "heartbeat" | "error";
  channel?: string;
  data?: unknown;
  timestamp?: string;
}

export interface ClockReading {
  /** Market time when the reading arrived, and the browser's own time then. */
  marketMs: number;
  wallMs: number;
  speed: number;
}

type Listener = (data: unknown) => void;

export interface SocketOptions {
  /** Stands in for the browser's own. */
  WebSocket?: new (url: string) => WebSocket;
  silenceMs?: number;
  random?: () => number;
}

const SILENCE_MS = 12_000;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;

export class LiveSocket {
  private readonly socket: ReconnectingWebSocket;
  private readonly readers = new Map<string, Set<Listener>>();
  private readonly stateListeners = new Set<(state: ConnectionState) => void>();
  private readonly heartbeatListeners = new Set<() => void>();
  private readonly silenceMs: number;
  private silence: ReturnType<typeof setTimeout> | undefined;
  state: ConnectionState = "connecting";
  clock: ClockReading | null = null;

  constructor(url: string, { WebSocket, silenceMs = SILENCE_MS, random = Math.random }: SocketOptions = {}) {
    this.silenceMs = silenceMs;
    // Each page has pauses of its own, so that not all come back at the same moment.
    const spread = 0.75 + random() / 2;
    this.socket = new ReconnectingWebSocket(url, null, {
      ...(WebSocket ? { WebSocket } : {}),
      minReconnectionDelay: PAUSE_MIN_MS * spread,
      maxReconnectionDelay: PAUSE_MAX_MS * spread,
      reconnectionDelayGrowFactor: 2,
      maxEnqueuedMessages: 0,
      startClosed: true,
    });
    this.socket.addEventListener("open", () => {
      this.expectNoise();
      this.setState("live");
      for (const channel of this.readers.keys()) this.send("subscribe", channel);
    });
    this.socket.addEventListener("message", (event: MessageEvent<string>) => {
      this.expectNoise();
      this.receive(JSON.parse(event.data) as Frame);
    });
    this.socket.addEventListener("close", () => {
      clearTimeout(this.silence);
      if (this.socket.shouldReconnect) this.setState("lost");
    });
  }

  start(): void {
    if (!this.socket.shouldReconnect) this.socket.reconnect();
  }

  stop(): void {
    clearTimeout(this.silence);
    this.socket.close();
  }

  subscribe(channel: string, listener: Listener): () => void {
    const readers = this.readers.get(channel) ?? new Set<Listener>();
    const isFirst = readers.size === 0;
    readers.add(listener);
    this.readers.set(channel, readers);
    if (isFirst) this.send("subscribe", channel);
    return () => {
      readers.delete(listener);
      if (readers.size > 0 || this.readers.get(channel) !== readers) return;
      this.readers.delete(channel);
      this.send("unsubscribe", channel);
    };
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  onHeartbeat(listener: () => void): () => void {
    this.heartbeatListeners.add(listener);
    return () => this.heartbeatListeners.delete(listener);
  }

  private receive(frame: Frame): void {
    if (frame.type === "heartbeat") {
      const beat = frame.data as { market_ms: number; speed: number };
      this.clock = { marketMs: beat.market_ms, wallMs: Date.now(), speed: beat.speed };
      this.heartbeatListeners.forEach((listener) => listener());
    }
    if (frame.type !== "update" || frame.channel === undefined) return;
    this.readers.get(frame.channel)?.forEach((listener) => listener(frame.data));
  }

  /** What cannot be sent now is dropped: every channel is subscribed again when the connection is back. */
  private send(action: "subscribe" | "unsubscribe", channel: string): void {
    if (this.state === "live") this.socket.send(JSON.stringify({ action, channel }));
  }

  private expectNoise(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.reconnect(), this.silenceMs);
  }

  private setState(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.stateListeners.forEach((listener) => listener(state));
  }
}
