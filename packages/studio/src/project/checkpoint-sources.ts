/** Where the checkpoints of the known networks are published: file, size, SHA-256 and licence as their makers say them. */
/** A checkpoint that anybody can have. */
export interface CheckpointSource {
  /** The network that it is of, as `models import --as` calls it. */
  readonly network: string;
  /** Its name where it is published. */
  readonly file: string;
  /** Where its makers speak of it. */
  readonly page: string;
  /** Where the file itself is; undefined where only a browser gets it, from {@link page}. */
  readonly url?: string;
  /** Undefined where nobody has published it. */
  readonly bytes?: number;
  /** Its hexadecimal digits as far as they are published, from the first on: all 64, the first 8, none. */
  readonly sha256?: string;
  /** As its makers say. */
  readonly licence: string;
}

const SOURCES: readonly CheckpointSource[] = [
  {
    // IMAGENET1K_V1, which PatchCore's published figures and the paper were made with; V2 has the same shapes and other descriptors.
    network: 'wide-resnet-50-2',
    file: 'wide_resnet50_2-95faca4d.pth',
    page: 'https://pytorch.org/vision/stable/models/generated/torchvision.models.wide_resnet50_2.html',
    url: 'https://download.pytorch.org/models/wide_resnet50_2-95faca4d.pth',
    bytes: 138_223_492,
    sha256: '95faca4d11227dddf8633dbb5ff6c8a9003c1aa5b8945c73834b8007b10950b8',
    licence: 'BSD-3-Clause',
  },
  {
    network: 'bert-base-uncased',
    file: 'model.safetensors',
    page: 'https://huggingface.co/google-bert/bert-base-uncased',
    url: 'https://huggingface.co/google-bert/bert-base-uncased/resolve/86b5e0934494bd15c9632b12f734a8a67f723594/model.safetensors',
    bytes: 440_449_768,
    sha256: '68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3',
    licence: 'Apache-2.0',
  },
  {
    network: 'lavt',
    file: 'refcoco.pth',
    page: 'https://drive.google.com/file/d/13D-OeEOijV8KTC3BkFP-gOJymc6DLwVT/view',
    licence: 'GPL-3.0',
  },
  {
    // The text encoder in the same file, as it was trained there.
    network: 'lavt-bert',
    file: 'refcoco.pth',
    page: 'https://drive.google.com/file/d/13D-OeEOijV8KTC3BkFP-gOJymc6DLwVT/view',
    licence: 'GPL-3.0',
  },
  {
    network: 'simple-click-vit-b',
    file: 'cocolvis_vit_base.pth',
    page: 'https://drive.google.com/drive/folders/1qpK0gtAPkVMF7VC42UA9XF4xMWr5KJmL',
    licence: 'MIT',
  },
];

/** Sources of the networks that can be taken in, by network. */
export const CHECKPOINT_SOURCES: ReadonlyMap<string, CheckpointSource> = new Map(
  SOURCES.map((source) => [source.network, source]),
);
