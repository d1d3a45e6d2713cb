/** When the screen shows what the page has drawn. */

/** Resolves once the next frame was painted; in a page that nobody sees, once somebody does. */
export const painted = (): Promise<void> =>
  new Promise((resolve) => {
    // A task that is put off inside a frame begins after that frame.
    requestAnimationFrame(() => setTimeout(resolve));
  });
