/** Errors on their way between threads and processes, which copy plain values only. */
import { CodedError, type ErrorDetails } from '@adclick/ortgrad';

/** A coded error, or another one of which only the message is known. */
export interface WireError {
  readonly code?: string;
  readonly message: string;
  readonly next?: string;
  readonly exit?: 1 | 2;
  readonly status?: number;
  readonly passing?: boolean;
  readonly details?: ErrorDetails;
  readonly stack?: string;
}

export function toWire(error: unknown): WireError {
  if (error instanceof CodedError) {
    const { code, message, next, exit, status, passing, details, stack } = error;
    return { code, message, next, exit, status, passing, details, stack };
  }
  if (error instanceof Error) return { message: error.message, stack: error.stack };
  return { message: String(error) };
}

export function fromWire({ code, message, next, exit, status, passing, details, stack }: WireError): Error {
  const cause = new Error(message);
  if (stack) cause.stack = stack;
  if (code === undefined) return cause;
  const options = { cause, passing: passing ?? false };
  return new CodedError(code, message, next ?? '', exit ?? 1, status ?? 500, details ?? {}, options);
}
