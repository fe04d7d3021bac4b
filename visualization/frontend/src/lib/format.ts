/** Numbers as people read them. Amounts arrive as text; they become floats here only, to be shown. */

const MINUS = "−";
export const DASH = "—";

export function toNumber(value: string | number | null | undefined): number | null {
  if (value === null || value === undefined || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Decimals that show a price with at least five significant digits, as exchanges do. */
export function priceDecimals(price: number): number {
  const size = Math.abs(price);
  if (size === 0 || size >= 1000) return 2;
  if (size >= 100) return 2;
  if (size >= 10) return 3;
  if (size >= 1) return 4;
  return Math.min(10, 4 - Math.floor(Math.log10(size)));
}

function fixed(value: number, decimals: number): string {
  const text = Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  const isZero = Number(text.replaceAll(",", "")) === 0;
  return value < 0 && !isZero ? MINUS + text : text;
}

export function price(value: string | number | null | undefined): string {
  const number = toNumber(value);
  return number === null ? DASH : fixed(number, priceDecimals(number));
}

export function money(value: string | number | null | undefined, decimals = 2): string {
  const number = toNumber(value);
  return number === null ? DASH : fixed(number, decimals);
}

export function signed(value: string | number | null | undefined, decimals = 2): string {
  const number = toNumber(value);
  if (number === null) return DASH;
  const text = fixed(number, decimals);
  return number > 0 && !/^[0.,]+$/.test(text) ? `+${text}` : text;
}

export function percent(value: string | number | null | undefined, decimals = 2): string {
  const text = signed(value, decimals);
  return text === DASH ? DASH : `${text}%`;
}

export function quantity(value: string | number | null | undefined): string {
  const number = toNumber(value);
  if (number === null) return DASH;
  const size = Math.abs(number);
  if (size >= 1_000_000) return compact(number);
  const decimals = size >= 1000 ? 1 : size >= 1 ? 4 : 6;
  return number.toLocaleString("en-US", { maximumFractionDigits: decimals });
}

export function compact(value: string | number | null | undefined): string {
  const number = toNumber(value);
  if (number === null) return DASH;
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 }).format(number);
}

/** up, down or flat: what a number's colour and arrow follow. */
export function direction(value: string | number | null | undefined): "up" | "down" | "flat" {
  const number = toNumber(value);
  if (number === null || number === 0) return "flat";
  return number > 0 ? "up" : "down";
}

export function tone(value: string | number | null | undefined): string {
  return { up: "text-up", down: "text-down", flat: "text-muted" }[direction(value)];
}

const two = (value: number): string => String(value).padStart(2, "0");

export function clockTime(ms: number): string {
  const moment = new Date(ms);
  return `${two(moment.getUTCHours())}:${two(moment.getUTCMinutes())}:${two(moment.getUTCSeconds())}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function clockDate(ms: number): string {
  const moment = new Date(ms);
  return `${moment.getUTCDate()} ${MONTHS[moment.getUTCMonth()] ?? ""} ${moment.getUTCFullYear()}`;
}

export function shortDateTime(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  const ms = typeof value === "number" ? value : Date.parse(value);
  if (Number.isNaN(ms)) return DASH;
  const moment = new Date(ms);
  return `${two(moment.getUTCDate())} ${MONTHS[moment.getUTCMonth()] ?? ""} ${clockTime(ms)}`;
}

export function duration(fromMs: number, toMs: number): string {
  const minutes = Math.max(0, Math.floor((toMs - fromMs) / 60_000));
  if (minutes < 1) return "<1m";
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

/** "STOP_LOSS_LIMIT" and "waiting_sell" as words. A name with capitals of its own, as strategies have, keeps them. */
export function words(name: string): string {
  const text = name.replaceAll("_", " ").trim();
  if (text === "") return DASH;
  if (text !== text.toUpperCase() && text !== text.toLowerCase()) return text;
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
}

export function baseOf(symbol: string, quote: string): string {
  return quote !== "" && symbol.endsWith(quote) ? symbol.slice(0, -quote.length) : symbol;
}
