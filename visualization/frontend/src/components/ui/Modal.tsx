import { useEffect, useRef, type ReactNode } from "react";

interface ModalProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  testId: string;
}

/** The browser's own dialog: it keeps the focus inside and closes with Escape. */
export function Modal({ title, onClose, children, testId }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (dialog.current !== null && !dialog.current.open) dialog.current.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="appear w-[min(24rem,calc(100vw-2rem))] rounded-xl border border-line-strong bg-panel p-0 text-ink shadow-2xl shadow-black/60"
      aria-label={title}
      data-testid={testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="p-5">
        <h2 className="mb-3 text-[1.07rem] font-semibold">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
