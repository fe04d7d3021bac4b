import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

export function Empty({ title, hint }: { title: string; hint?: string }) {
  return (
    <div className="flex h-full min-h-20 flex-col items-center justify-center gap-1 px-4 py-5 text-center">
      <p className="text-soft">{title}</p>
      {hint !== undefined && <p className="max-w-sm text-[0.857rem] text-muted">{hint}</p>}
    </div>
  );
}

export function Skeleton({ rows = 4 }: { rows?: number }) {
  return (
    <div className="space-y-2.5 px-3.5 py-3" aria-label="Loading" role="status">
      {Array.from({ length: rows }, (_, index) => (
        <div
          key={index}
          className="h-3.5 animate-pulse rounded bg-raised"
          style={{ width: `${92 - ((index * 17) % 40)}%` }}
        />
      ))}
    </div>
  );
}

export function Problem({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <div className="flex h-full min-h-20 flex-col items-center justify-center gap-2 px-4 py-5 text-center" role="alert">
      <p className="text-[0.857rem] text-muted">
        <span className="text-down">Could not be loaded.</span> {error.message}
      </p>
      <button className="rounded border border-line-strong px-2 py-0.5 text-2xs text-soft hover:bg-hover" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  rows?: number;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  children: (data: T) => ReactNode;
}

/** Loading, failed, empty, there: what was loaded once stays on screen while a later try fails. */
export function Loaded<T>({ query, rows = 4, isEmpty, empty, children }: LoadedProps<T>) {
  if (query.data === undefined) {
    if (query.error) return <Problem error={query.error} onRetry={() => void query.refetch()} />;
    return <Skeleton rows={rows} />;
  }
  if (isEmpty?.(query.data) === true) return empty;
  return children(query.data);
}
