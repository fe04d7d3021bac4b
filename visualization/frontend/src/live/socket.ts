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
  open?: (url: string) => WebSocket;
  silenceMs?: number;
  pauseMaxMs?: number;
  random?: () => number;
}

export class LiveSocket {
  private socket: WebSocket | null = null;
  private readonly readers = new Map<string, Set<Listener>>();
  private readonly stateListeners = new Set<(state: ConnectionState) => void>();
  private readonly heartbeatListeners = new Set<() => void>();
  private readonly open: (url: string) => WebSocket;
  private readonly silenceMs: number;
  private readonly pauseMaxMs: number;
  private readonly random: () => number;
  private attempt = 0;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private isStopped = true;
  state: ConnectionState = "connecting";
  clock: ClockReading | null = null;

  constructor(
    private readonly url: string,
    options: SocketOptions = {},
  ) {
    this.open = options.open ?? ((address) => new WebSocket(address));
    this.silenceMs = options.silenceMs ?? 12_000;
    this.pauseMaxMs = options.pauseMaxMs ?? 10_000;
    this.random = options.random ?? Math.random;
  }

  start(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    this.connect();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
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

  private connect(): void {
    const socket = this.open(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.attempt = 0;
      this.expectNoise();
      this.setState("live");
      for (const channel of this.readers.keys()) this.send("subscribe", channel);
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      this.expectNoise();
      this.receive(JSON.parse(event.data) as Frame);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lose();
    };
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

  private send(action: "subscribe" | "unsubscribe", channel: string): void {
    // What cannot be sent now is sent when the connection is back: every channel is subscribed again then.
    if (this.state === "live" && this.socket?.readyState === 1) this.socket.send(JSON.stringify({ action, channel }));
  }

  private expectNoise(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      const socket = this.socket;
      this.lose();
      socket?.close();
    }, this.silenceMs);
  }

  private lose(): void {
    clearTimeout(this.silence);
    this.socket = null;
    if (this.isStopped) return;
    this.setState("lost");
    const pause = Math.min(this.pauseMaxMs, 500 * 2 ** this.attempt) * (0.75 + this.random() / 2);
    this.attempt += 1;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.connect(), pause);
  }

  private setState(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.stateListeners.forEach((listener) => listener(state));
  }
}
