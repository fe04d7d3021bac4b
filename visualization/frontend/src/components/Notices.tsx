import { useCallback, useMemo, useRef, useState, type ReactNode } from "react";
import { NoticesContext, type Notice, type Notices } from "../hooks/useNotices";

const SHOWN_MAX = 4;
const EDGE = { info: "border-l-accent", error: "border-l-down" } as const;

export function NoticesProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<(Notice & { id: number })[]>([]);
  const nextId = useRef(1);

  const remove = useCallback((id: number) => setShown((all) => all.filter((notice) => notice.id !== id)), []);
  const notices = useMemo<Notices>(
    () => ({
      add: (notice) => {
        const id = nextId.current;
        nextId.current += 1;
        setShown((all) => [...all.slice(1 - SHOWN_MAX), { ...notice, id }]);
        setTimeout(() => remove(id), notice.level === "error" ? 10_000 : 4_500);
      },
    }),
    [remove],
  );

  return (
    <NoticesContext value={notices}>
      {children}
      <div
        className="pointer-events-none fixed right-3 bottom-10 z-50 flex w-72 flex-col gap-2"
        aria-live="polite"
        data-testid="notices"
      >
        {shown.map((notice) => (
          <button
            key={notice.id}
            type="button"
            className={`appear pointer-events-auto rounded-md border border-l-2 border-line-strong bg-raised px-3 py-2 text-left shadow-lg shadow-black/40 ${EDGE[notice.level]}`}
            onClick={() => remove(notice.id)}
          >
            <span className="block text-[0.857rem] font-medium">{notice.title}</span>
            <span className="block text-2xs break-words text-muted">{notice.detail}</span>
          </button>
        ))}
      </div>
    </NoticesContext>
  );
}
