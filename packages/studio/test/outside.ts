/** What a page, a style sheet or a report would load from other computers. */

/** What pages may load from; none of it is an address. */
const WITHIN = new Set(["'self'", "'none'", "'unsafe-inline'", 'blob:', 'data:']);
/** Hosts that files may name without loading from them: names of XML and JSON languages, and of React's page of explanations. */
const NAMES = new Set(['www.w3.org', 'json-schema.org', 'react.dev']);

/** Directives of a Content-Security-Policy that let a page load from elsewhere, or the lack of one. */
export function policyFaults(policy: string | null | undefined): string[] {
  const rules = (policy ?? '').split(';').map((rule) => rule.trim().split(/\s+/));
  const faults = rules.filter(([, ...sources]) => sources.some((source) => !WITHIN.has(source)));
  const lacks = ['default-src', 'form-action', 'base-uri'].filter((name) => !rules.some(([own]) => own === name));
  return [...faults.map((rule) => rule.join(' ')), ...lacks.map((name) => `no ${name}`)];
}

/** Hosts that a text names, but for those that are mere names. */
export const hostsIn = (text: string): string[] =>
  [
    ...new Set(
      [...text.matchAll(/(?:https?|wss?):\/\/([\w.-]+\.[a-z]{2,})/gi)].map(([, host = '']) => host.toLowerCase()),
    ),
  ].filter((host) => !NAMES.has(host));

/** Places outside that HTML or CSS loads from. */
export const loadsFrom = (text: string): string[] =>
  [
    ...text.matchAll(
      /(?:\b(?:src|href|action|srcset|poster|data)\s*=\s*["']?|url\(\s*["']?|@import\s+["'])((?:(?:https?|wss?|ftp):)?\/\/[^"')\s>]+)/gi,
    ),
  ].map(([, place]) => place);
