import { useEffect, useRef, useState, type ButtonHTMLAttributes, type ReactNode } from "react";
import type { Side } from "../../api/types";

type Tone = "plain" | "up" | "down" | "accent";

const TONES: Record<Tone, string> = {
  plain: "border-line-strong text-soft hover:bg-hover hover:text-ink",
  up: "border-up/40 bg-up/12 text-up hover:bg-up/20",
  down: "border-down/40 bg-down/12 text-down hover:bg-down/20",
  accent: "border-accent/40 bg-accent/12 text-accent hover:bg-accent/20",
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  tone?: Tone;
}

export function Button({ tone = "plain", className = "", ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      className={`inline-flex items-center justify-center gap-1.5 rounded-md border px-2.5 py-1 text-[0.857rem] font-medium transition-colors disabled:cursor-not-allowed disabled:opacity-45 ${TONES[tone]} ${className}`}
      {...rest}
    />
  );
}

interface ConfirmProps {
  children: ReactNode;
  question: string;
  onConfirm: () => void;
  tone?: Tone;
  className?: string;
  testId?: string;
}

/** A button that asks back once: the second press within four seconds acts. */
export function Confirm({ children, question, onConfirm, tone = "plain", className = "", testId }: ConfirmProps) {
  const [isArmed, setIsArmed] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <Button
      tone={isArmed ? "down" : tone}
      className={className}
      data-testid={testId}
      onClick={() => {
        clearTimeout(timer.current);
        if (isArmed) {
          setIsArmed(false);
          onConfirm();
          return;
        }
        setIsArmed(true);
        timer.current = setTimeout(() => setIsArmed(false), 4_000);
      }}
    >
      {isArmed ? question : children}
    </Button>
  );
}

export function SideTag({ side }: { side: Side }) {
  const color = side === "BUY" ? "text-up" : "text-down";
  return <span className={`font-medium ${color}`}>{side === "BUY" ? "Buy" : "Sell"}</span>;
}

const BADGES = {
  neutral: "bg-raised text-soft",
  up: "bg-up/12 text-up",
  down: "bg-down/12 text-down",
  warn: "bg-warn/14 text-warn",
  accent: "bg-accent/12 text-accent",
} as const;

export function Badge({ tone = "neutral", children }: { tone?: keyof typeof BADGES; children: ReactNode }) {
  return (
    <span className={`inline-block max-w-44 truncate rounded px-1.5 align-middle text-2xs font-medium ${BADGES[tone]}`}>
      {children}
    </span>
  );
}

interface TabsProps<T extends string> {
  tabs: readonly { id: T; label: string; count?: number | undefined }[];
  active: T;
  onSelect: (id: T) => void;
}

export function Tabs<T extends string>({ tabs, active, onSelect }: TabsProps<T>) {
  return (
    <div className="flex gap-0.5 overflow-x-auto" role="tablist">
      {tabs.map((tab) => (
        <button
          key={tab.id}
          type="button"
          role="tab"
          aria-selected={tab.id === active}
          data-testid={`tab-${tab.id}`}
          className={`h-9 border-b-2 px-2.5 text-[0.857rem] font-medium whitespace-nowrap transition-colors ${
            tab.id === active ? "border-accent text-ink" : "border-transparent text-muted hover:text-soft"
          }`}
          onClick={() => onSelect(tab.id)}
        >
          {tab.label}
          {tab.count !== undefined && tab.count > 0 && (
            <span className="ml-1.5 rounded bg-raised px-1 text-2xs text-muted">{tab.count}</span>
          )}
        </button>
      ))}
    </div>
  );
}
