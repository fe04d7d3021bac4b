/** Calls to the visualization service. A failed call throws ApiError with the cause in words. */

import createClient from "openapi-fetch";
import type { paths } from "./schema";
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

/** The service's reads, typed by its OpenAPI document: path, parameters and what comes back. */
export const api = createClient<paths>({
  baseUrl: location.origin,
  headers: { Accept: "application/json" },
  fetch: (request) => fetch(request),
});

/** What a read brings; `alsoGood` are failing statuses whose body is the reply all the same. */
export async function reply<T>(
  call: Promise<{ data?: T | undefined; error?: unknown; response: Response }>,
  alsoGood: readonly number[] = [],
): Promise<T> {
  const { data, error, response } = await call;
  if (data !== undefined) return data;
  if (alsoGood.includes(response.status) && typeof error === "object") return error as T;
  throw new ApiError(response.status, words(error, `HTTP ${response.status}`));
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

async function answer<T>(response: Response): Promise<T> {
  const text = await response.text();
  let body: unknown = text;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    // Not JSON: a proxy or a crash answered; the text itself is the best explanation there is.
  }
  if (!response.ok) throw new ApiError(response.status, words(body, `HTTP ${response.status}`));
  return body as T;
}
