/** What all predictions for one picture have in common, as the click network takes it: held where it runs, or cut for a window. */
import { type Held, keptPromise, type Runtime, type Tensor, tensor } from '@adclick/ortgrad';
import type { Box } from '../image/components.ts';
import { TOKEN } from '../networks/adclick.ts';
import { cutBox } from './click-windows.ts';

/** By the names of the click session's inputs. */
interface Parts<Part> {
  readonly embedded: Part;
  /** None where the network does not see them. */
  readonly colours?: Part;
  /** What the prompt says; zeros without one, and none where language does not guide the weights. */
  readonly language?: Part;
}

/** One picture on the grid of tokens. */
export class PictureInputs {
  private readonly held = new Map<Runtime, Promise<Parts<Held>>>();

  constructor(
    /** What the network makes of the residual, (1, height, width, dim). */
    private readonly embedded: Tensor,
    /** Normalised colours, (3, 8·height, 8·width); none where the network does not see them. */
    private readonly colours: Float32Array | undefined,
    /** The same shape as `embedded`; none where language does not guide the weights. */
    private language: Tensor | undefined,
  ) {}

  /** Takes what another prompt says. */
  async say(language: Tensor): Promise<void> {
    this.language = language;
    await this.close();
  }

  /** Frees what is held; it is held again when it is next asked for. */
  async close(): Promise<void> {
    const all = [...this.held.values()];
    this.held.clear();
    for (const held of all) for (const each of Object.values(await held) as Held[]) await each.release();
  }

  /** What a session on a runtime takes for a window, in tokens. Of the whole picture it is held there; of a part it is the caller's own. */
  async of(runtime: Runtime, box: Box): Promise<Parts<Held> | Parts<Tensor>> {
    const [, height, width] = this.embedded.shape;
    if (box.width === width && box.height === height)
      return keptPromise(this.held, runtime, () => this.holdBy(runtime));
    return {
      embedded: this.cells(this.embedded, box),
      ...(this.colours && { colours: coloursIn(this.colours, TOKEN * width, box) }),
      ...(this.language && { language: this.cells(this.language, box) }),
    };
  }

  private async holdBy(runtime: Runtime): Promise<Parts<Held>> {
    const [, height, width] = this.embedded.shape;
    const { colours } = this;
    const shape = [1, 3, TOKEN * height, TOKEN * width];
    return {
      ...(colours && { colours: await runtime.hold(tensor(colours, shape)) }),
      embedded: await runtime.hold(this.embedded),
      ...(this.language && { language: await runtime.hold(this.language) }),
    };
  }

  private cells({ data, shape: [, , width, dim] }: Tensor, box: Box): Tensor {
    return tensor(cutBox(data as Float32Array, width, dim, box), [1, box.height, box.width, dim]);
  }
}

/** Colours in a part of the grid. @param width of the whole in pixels. @param box in tokens. */
function coloursIn(colours: Float32Array, width: number, box: Box): Tensor {
  const pixels: Box = { x: TOKEN * box.x, y: TOKEN * box.y, width: TOKEN * box.width, height: TOKEN * box.height };
  return tensor(cutBox(colours, width, 1, pixels, 3), [1, 3, pixels.height, pixels.width]);
}
