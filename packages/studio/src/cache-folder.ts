/** Folder beside adclick.yaml with the database and everything that can be made again. */
export const CACHE_FOLDER = '.adclick';
