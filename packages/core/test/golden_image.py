"""Writes ../src/image/fixtures/golden.json: picture files by independent encoders with the pixels they hold, and the
answers of SciPy, scikit-image and OpenCV to the image algorithms.

    pip install numpy scipy scikit-image opencv-python-headless pillow tifffile && python golden_image.py
"""
import base64, io, json, pathlib, struct
import cv2, numpy as np, tifffile
from PIL import Image, ImageCms, ImageOps
from scipy import ndimage
from skimage import measure, morphology

rng = np.random.default_rng(7)
b64 = lambda b: base64.b64encode(b).decode()
array = lambda a, t: dict(shape=list(a.shape), data=b64(np.ascontiguousarray(a).astype(t).tobytes()))

files = []


def add(name, data, pixels, depth, fmt, alpha=False, tolerance=0, lossy=False):
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    kind = {8: "<u1", 16: "<u2", 32: "<f4"}[depth]
    files.append(dict(name=name, file=b64(data), pixels=array(pixels, kind), depth=depth, format=fmt, alpha=alpha,
                      tolerance=tolerance, lossy=lossy))


def pil(image, fmt, **options):
    out = io.BytesIO()
    image.save(out, fmt, **options)
    return out.getvalue()


def cv(ext, a, *options):
    order = {2: a, 3: a[..., ::-1] if a.ndim == 3 else a}[a.ndim]
    if a.ndim == 3 and a.shape[2] == 4:
        order = a[..., [2, 1, 0, 3]]
    return cv2.imencode(ext, order, list(options))[1].tobytes()


def tif(a, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, a, **options)
    return out.getvalue()


H, W = 5, 7
u8 = lambda *s: rng.integers(0, 256, s, dtype=np.uint8)
u16 = lambda *s: rng.integers(0, 65536, s, dtype=np.uint16)
g8, la8, c8, a8 = u8(H, W), u8(H, W, 2), u8(H, W, 3), u8(H, W, 4)
g16, c16, a16 = u16(H, W), u16(H, W, 3), u16(H, W, 4)
bits = rng.integers(0, 2, (H, W), dtype=np.uint8) * 255

# PNG
add("png grey 8", pil(Image.fromarray(g8), "PNG"), g8, 8, "png")
add("png grey+alpha 8", pil(Image.fromarray(la8, "LA"), "PNG"), la8, 8, "png", alpha=True)
add("png rgb 8", pil(Image.fromarray(c8), "PNG"), c8, 8, "png")
add("png rgba 8", pil(Image.fromarray(a8), "PNG"), a8, 8, "png", alpha=True)
add("png grey 1 bit", pil(Image.fromarray(bits).convert("1"), "PNG"), bits, 8, "png")
add("png grey 16", cv(".png", g16), g16, 16, "png")
add("png rgb 16", cv(".png", c16), c16, 16, "png")
add("png rgba 16", cv(".png", a16), a16, 16, "png", alpha=True)
srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
add("png rgb 8 with profile", pil(Image.fromarray(c8), "PNG", icc_profile=srgb), c8, 8, "png")
for count in (2, 4, 16, 200):
    palette = u8(count, 3)
    index = rng.integers(0, count, (H, W), dtype=np.uint8)
    image = Image.fromarray(index, "P")
    image.putpalette(palette.tobytes())
    add(f"png palette {count}", pil(image, "PNG", bits={2: 1, 4: 2, 16: 4, 200: 8}[count]), palette[index], 8, "png")

# TIFF
packs = {"none": None, "lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packbits": "packbits"}
for name, pack in packs.items():
    add(f"tiff grey 8 {name}", pil(Image.fromarray(g8), "TIFF", compression=pack), g8, 8, "tiff")
    add(f"tiff rgb 8 {name}", pil(Image.fromarray(c8), "TIFF", compression=pack), c8, 8, "tiff")
    add(f"tiff grey 16 {name}", pil(Image.fromarray(g16), "TIFF", compression=pack), g16, 16, "tiff")
add("tiff bilevel group 4", pil(Image.fromarray(bits).convert("1"), "TIFF", compression="group4"), bits, 8, "tiff")
add("tiff rgba 8", tif(a8, photometric="rgb", extrasamples=["unassalpha"]), a8, 8, "tiff", alpha=True)
add("tiff rgb 16", tif(c16, photometric="rgb"), c16, 16, "tiff")
add("tiff rgba 16", tif(a16, photometric="rgb", extrasamples=["unassalpha"]), a16, 16, "tiff", alpha=True)
add("tiff grey 16 big-endian", tif(g16, byteorder=">"), g16, 16, "tiff")
add("tiff grey 16 BigTIFF", tif(g16, bigtiff=True), g16, 16, "tiff")
add("tiff grey 16 white is zero", tif(g16, photometric="miniswhite"), 65535 - g16, 16, "tiff")
add("tiff rgb 8 planar", tif(np.moveaxis(c8, -1, 0), photometric="rgb", planarconfig="separate"), c8, 8, "tiff")
tiled = u16(20, 18)
add("tiff grey 16 tiled", tif(tiled, tile=(16, 16)), tiled, 16, "tiff")
pages = u16(3, H, W)
add("tiff pages, the first", tif(pages, photometric="minisblack"), pages[0], 16, "tiff")
f32 = (rng.random((H, W)) * 1000 - 300).astype("f4")
add("tiff float 32", tif(f32), f32, 32, "tiff")
f32c = rng.random((H, W, 3)).astype("f4")
add("tiff rgb float 32", tif(f32c, photometric="rgb"), f32c, 32, "tiff")
f64 = rng.random((H, W)) * 100
add("tiff float 64", tif(f64), f64, 32, "tiff")
f16 = (rng.standard_normal((H, W)) * 10).astype("f2")
f16[0, :3] = [0, 6e-8, -65504]
add("tiff float 16", tif(f16), f16, 32, "tiff")
i16 = rng.integers(-32768, 32768, (H, W)).astype("i2")
add("tiff signed 16", tif(i16), i16, 32, "tiff")
i8 = rng.integers(-128, 128, (H, W)).astype("i1")
add("tiff signed 8", tif(i8), i8, 32, "tiff")
u32 = rng.integers(0, 2**32, (H, W), dtype=np.uint32)
add("tiff unsigned 32", tif(u32), u32, 32, "tiff")
add("tiff signed 16 rotated", tif(i16, extratags=[(274, "H", 1, 6, True)]), np.rot90(i16, -1), 32, "tiff")

# BMP
add("bmp 8 grey", pil(Image.fromarray(g8), "BMP"), g8, 8, "bmp")
add("bmp 1", pil(Image.fromarray(bits).convert("1"), "BMP"), bits, 8, "bmp")
add("bmp 24", pil(Image.fromarray(c8), "BMP"), c8, 8, "bmp")
add("bmp 32 with alpha field", cv(".bmp", a8), a8, 8, "bmp", alpha=True)
palette = u8(200, 3)
index = rng.integers(0, 200, (H, W), dtype=np.uint8)
image = Image.fromarray(index, "P")
image.putpalette(palette.tobytes())
add("bmp 8 palette", pil(image, "BMP"), palette[index], 8, "bmp")


def bmp(width, height, depth, compression, body, palette=b"", masks=b""):
    start = 14 + 40 + len(masks) + len(palette)
    return (struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, len(body), 0, 0, len(palette) // 4, 0)
            + masks + palette + body)


def rows(a):  # bytes of each row padded to 4
    return b"".join(r.tobytes() + b"\0" * (-r.nbytes % 4) for r in a)


add("bmp 24 top-down", bmp(W, -H, 24, 0, rows(np.ascontiguousarray(c8[..., ::-1]))), c8, 8, "bmp")
padded = np.dstack([c8[::-1, :, ::-1], np.zeros((H, W), np.uint8)])
add("bmp 32 plain", bmp(W, H, 32, 0, rows(np.ascontiguousarray(padded))), c8, 8, "bmp")
quads = np.hstack([palette[:, ::-1], np.zeros((200, 1), np.uint8)])
index4 = rng.integers(0, 16, (H, 8), dtype=np.uint8)
nibbles = (index4[::-1, 0::2] << 4) | index4[::-1, 1::2]
add("bmp 4 palette", bmp(8, H, 4, 0, rows(nibbles), quads[:16].tobytes()), palette[index4], 8, "bmp")
for name, masks, shifts in (("565", (0xF800, 0x7E0, 0x1F), (11, 5, 0)), ("555", None, (10, 5, 0))):
    full = np.array([31, 63 if masks else 31, 31])
    levels = rng.integers(0, full + 1, (H, W, 3))
    packed = sum(levels[..., c] << s for c, s in enumerate(shifts)).astype("<u2")
    data = bmp(W, H, 16, 3 if masks else 0, rows(packed[::-1]), masks=struct.pack("<III", *masks) if masks else b"")
    add(f"bmp 16 {name}", data, np.floor(levels * 255 / full + 0.5), 8, "bmp")
run = np.array([[3, 3, 3, 3, 3], [9, 8, 7, 7, 7], [1, 2, 3, 4, 0]], np.uint8)  # bottom row first
rle8 = bytes([5, 3, 0, 0, 0, 3, 9, 8, 7, 0, 2, 7, 0, 0, 0, 4, 1, 2, 3, 4, 0, 1])
add("bmp rle 8", bmp(5, 3, 8, 1, rle8, quads.tobytes()), palette[run[::-1]], 8, "bmp")
rle4 = bytes([5, 0x33, 0, 0, 0, 5, 0x98, 0x77, 0x70, 0, 0, 0, 4, 0x12, 1, 0x30, 0, 1])
run4 = np.array([[3, 3, 3, 3, 3], [9, 8, 7, 7, 7], [1, 2, 1, 2, 3]], np.uint8)
add("bmp rle 4", bmp(5, 3, 4, 2, rle4, quads[:16].tobytes()), palette[run4[::-1]], 8, "bmp")

# JPEG and WebP
yy, xx = np.mgrid[0:16, 0:24]
smooth = np.stack([xx * 10, yy * 15, 255 - xx * 5 - yy * 5], -1).astype(np.uint8)
for name, mode in (("grey", "L"), ("rgb", "RGB")):
    image = Image.fromarray(smooth).convert(mode)
    for extra, options in (("", {}), (" progressive", dict(progressive=True)), (" 4:2:0", dict(subsampling=2))):
        data = pil(image, "JPEG", quality=92, **({"subsampling": 0} | options))
        add(f"jpeg {name}{extra}", data, np.array(Image.open(io.BytesIO(data))), 8, "jpeg", tolerance=3, lossy=True)
add("webp lossless rgb", pil(Image.fromarray(c8), "WEBP", lossless=True), c8, 8, "webp")
opaque = a8.copy()
opaque[..., 3] |= 1
add("webp lossless rgba", pil(Image.fromarray(opaque), "WEBP", lossless=True, exact=True), opaque, 8, "webp", alpha=True)
data = pil(Image.fromarray(smooth), "WEBP", quality=90)
add("webp lossy", data, np.array(Image.open(io.BytesIO(data))), 8, "webp", tolerance=3, lossy=True)
data = pil(Image.fromarray(c8), "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(255 - c8)])
add("webp animated, the first", data, c8, 8, "webp")

# Orientation
letter = u8(4, 6, 3)
for o in range(1, 9):
    exif = Image.Exif()
    exif[274] = o
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(pil(Image.fromarray(letter), "PNG", exif=exif))))
    add(f"orientation {o} png", pil(Image.fromarray(letter), "PNG", exif=exif), np.array(turned), 8, "png")
    add(f"orientation {o} webp", pil(Image.fromarray(letter), "WEBP", lossless=True, exif=exif), np.array(turned), 8, "webp")
    add(f"orientation {o} tiff", tif(letter, photometric="rgb", extratags=[(274, "H", 1, o, True)]), np.array(turned), 8, "tiff")
    data = pil(Image.fromarray(smooth), "JPEG", quality=92, subsampling=0, exif=exif)
    add(f"orientation {o} jpeg", data, np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))), 8, "jpeg", tolerance=3, lossy=True)

cmyk = np.zeros((8, 16, 4), np.uint8)
cmyk[:, 8:] = [0, 255, 255, 0]

# Algorithms
h, w = 19, 26
plane = rng.random((h, w)).astype("f4")
blobs = (ndimage.gaussian_filter(rng.random((h, w)), 1.2) > 0.5).astype(np.uint8)
speckle = (rng.random((h, w)) < 0.45).astype(np.uint8)
wide = rng.random((24, 36)).astype("f4")
algorithms = dict(
    plane=array(plane, "<f4"), blobs=array(blobs, "u1"), speckle=array(speckle, "u1"), wide=array(wide, "<f4"),
    gaussian={str(s): array(ndimage.gaussian_filter(plane, s), "<f4") for s in (0.7, 1.5, 4)},
    uniform={str(r): array(ndimage.uniform_filter(plane, 2 * r + 1), "<f4") for r in (1, 3, 11)},
    distance=array(ndimage.distance_transform_edt(np.pad(blobs, 1))[1:-1, 1:-1], "<f4"),
    labels={"4": array(measure.label(speckle, connectivity=1), "<i4"), "8": array(measure.label(speckle, connectivity=2), "<i4")},
    disc={op: {str(r): array(getattr(morphology, op)(blobs, morphology.disk(r), mode="ignore"), "u1") for r in (1, 2, 3)}
          for op in ("dilation", "erosion", "opening", "closing")},
    square={op: {str(r): array(getattr(morphology, op)(blobs, np.ones((2 * r + 1,) * 2), mode="ignore"), "u1") for r in (1, 2)}
            for op in ("dilation", "erosion", "opening", "closing")},
    filled=array(ndimage.binary_fill_holes(speckle), "u1"),
    resize={f"{rw}x{rh}": array(cv2.resize(wide, (rw, rh), interpolation=how), "<f4")
            for rw, rh, how in ((12, 8, cv2.INTER_AREA), (25, 17, cv2.INTER_AREA), (35, 5, cv2.INTER_AREA), (50, 61, cv2.INTER_LINEAR))},
)

target = pathlib.Path(__file__).parent / "../src/image/fixtures/golden.json"
target.parent.mkdir(exist_ok=True)
target.write_text(json.dumps(dict(files=files, cmyk=b64(pil(Image.fromarray(cmyk, "CMYK"), "JPEG", quality=95)), **algorithms), separators=(",", ":")) + "\n")
