/** Calls to the visualization service. A failed call throws ApiError with the cause in words. */

import { clearToken, readToken } from "./token";

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

function words(body: unknown, fallback: string): string {
  if (typeof body === "string" && body.trim() !== "") return body;
  if (typeof body !== "object" || body === null) return fallback;
  const fields = body as Record<string, unknown>;
  for (const name of ["detail", "error", "message", "reason"]) {
    const value = fields[name];
    if (typeof value === "string") return value;
    if (Array.isArray(value) && value.length > 0) {
      return value.map((item) => words(item, JSON.stringify(item))).join("; ");
    }
    if (typeof value === "object" && value !== null) return words(value, fallback);
  }
  return typeof fields["msg"] === "string" ? fields["msg"] : fallback;
}

async function answer<T>(response: Response, alsoGood: readonly number[] = []): Promise<T> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    // Not JSON: a proxy or a crash answered; the text itself is the best explanation there is.
  }
  const isGood = response.ok || (alsoGood.includes(response.status) && typeof body === "object");
  if (!isGood) throw new ApiError(response.status, words(body, `HTTP ${response.status}`));
  return body as T;
}

export async function get<T>(path: string, signal?: AbortSignal, alsoGood: readonly number[] = []): Promise<T> {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  return answer<T>(response, alsoGood);
}

/** Send an action with the caller's token. A refused token is forgotten, so that the next try asks for another. */
export async function act<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  const token = readToken();
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token !== null) headers["Authorization"] = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 401) clearToken();
  return answer<T>(response);
}
