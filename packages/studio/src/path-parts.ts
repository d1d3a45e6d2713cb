/** The parts of paths that are written with `/` on every system: names in files, stored paths. */

/** Folder of a path with `/` between its parts; '' at the top. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
/** Last part of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
/** Ending of a path's last part, with its dot; '' without one. */
export const endingOf = (path: string): string => /[^/](\.[^./]+)$/.exec(path)?.[1] ?? '';
/** The path without its ending. */
export const withoutEnding = (path: string): string => path.slice(0, path.length - endingOf(path).length);
/** A path without the slashes at its end. */
export const withoutSlashes = (path: string): string => path.replace(/(?<!\/)\/+$/, '');
