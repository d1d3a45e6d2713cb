/** What an image is called within its collection: two types may have images of the same name. */
export const imageLabel = ({ name, type }: { readonly name: string; readonly type?: string }): string =>
  type ? `${type}/${name}` : name;
