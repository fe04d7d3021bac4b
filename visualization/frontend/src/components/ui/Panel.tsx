import type { ReactNode } from "react";

interface PanelProps {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  bodyClassName?: string;
  testId?: string;
}

export function Panel({ title, aside, children, className = "", bodyClassName = "", testId }: PanelProps) {
  return (
    <section
      className={`flex min-h-0 min-w-0 flex-col overflow-hidden rounded-lg border border-line bg-panel ${className}`}
      data-testid={testId}
    >
      {title !== undefined && (
        <header className="flex h-9 shrink-0 items-center justify-between gap-2 px-3.5">
          <h2 className="text-[0.857rem] font-semibold text-soft">{title}</h2>
          {aside !== undefined && <div className="text-2xs text-muted">{aside}</div>}
        </header>
      )}
      <div className={`min-h-0 flex-1 ${bodyClassName}`}>{children}</div>
    </section>
  );
}
