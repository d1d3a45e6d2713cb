/** A modal dialog on the browser's own element, which keeps the focus inside and closes on Escape. */
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Icon } from '../actions/icons.tsx';
import { Refusal, wordsOf } from '../api/client.ts';
import { useApp } from './context.ts';

interface Props {
  readonly title: string;
  readonly children: ReactNode;
  readonly wide?: boolean;
  /** Absent: the dialog cannot be left without an answer. */
  onClose?(): void;
}

export function Dialog({ title, children, wide = false, onClose }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      className={wide ? 'wide' : ''}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
    >
      <header>
        <h1>{title}</h1>
        {onClose && (
          <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
            <Icon name="cross" />
          </button>
        )}
      </header>
      {children}
    </dialog>
  );
}

/** What went wrong inside a dialog, shown in it: messages of the page lie behind it. */
export function useProblem(): { readonly problem: ReactNode; tell(error: unknown): void; clear(): void } {
  const app = useApp();
  const [text, setText] = useState('');
  return {
    problem: text ? <p role="alert">{text}</p> : null,
    tell: (error) => {
      // Who has to log in is asked by a dialog of its own.
      if (error instanceof Refusal && error.status === 401) app.report(error);
      else setText(wordsOf(error));
    },
    clear: () => setText(''),
  };
}
