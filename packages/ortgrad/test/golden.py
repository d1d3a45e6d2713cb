"""Writes fixtures/golden.json: values and gradients of every op, and three AdamW steps of a small Swin stack, from PyTorch.

Run: python packages/ortgrad/test/golden.py   (needs torch; the fixture was made with 2.15)
Inputs are made by the formula that suite.ts has too, so the file holds results alone.
"""
import json, math, pathlib
import torch
import torch.nn.functional as F

torch.set_num_threads(1)


def pattern(shape, low, high, stream):
    count = math.prod(shape)
    return torch.tensor(
        [low + (high - low) * ((i * 7919 + (i * i % 613) * 31 + stream * 104729 + 12345) % 1009) / 1009 for i in range(count)],
        dtype=torch.float64,
    ).float().reshape(shape)


CASES = {}


def case(name, inputs, run):
    specs = [(shape, *(bounds or (-1, 1))) for shape, bounds in inputs]
    xs = [pattern(shape, low, high, i).requires_grad_() for i, (shape, low, high) in enumerate(specs)]
    y = run(*xs)
    (y * pattern(list(y.shape), -1, 1, 99)).sum().backward()
    short = lambda t: [float(f'{v:.7g}') for v in t.detach().reshape(-1).tolist()]
    CASES[name] = {
        'inputs': [{'shape': shape, 'low': low, 'high': high} for shape, low, high in specs],
        'y': short(y),
        'gradients': [short(x.grad) for x in xs],
    }


def x(*shape, low=None, high=None):
    return list(shape), None if low is None else (low, high)


# element-wise
case('add', [x(2, 3, 4), x(4)], lambda a, b: a + b)
case('add column', [x(2, 3, 4), x(3, 1)], lambda a, b: a + b)
case('sub', [x(4), x(2, 3, 4)], lambda a, b: a - b)
case('mul', [x(2, 3, 4), x(2, 1, 4)], lambda a, b: a * b)
case('div', [x(2, 3), x(2, 3, low=0.5, high=2)], lambda a, b: a / b)
case('maximum', [x(3, 4), x(4)], torch.maximum)
case('where', [x(2, 3), x(3)], lambda a, b: torch.where(torch.tensor([[True, False, True], [False, False, True]]), a, b))
case('scale', [x(2, 3)], lambda a: a * -2.5)
case('addScalar', [x(2, 3)], lambda a: a + 0.7)
case('neg', [x(2, 3)], lambda a: -a)
case('exp', [x(2, 3)], torch.exp)
case('log', [x(2, 3, low=0.5, high=3)], torch.log)
case('log1p', [x(2, 3, low=0, high=3)], torch.log1p)
case('sqrt', [x(2, 3, low=0.5, high=3)], torch.sqrt)
case('square', [x(2, 3)], torch.square)
case('pow', [x(2, 3, low=0.5, high=3)], lambda a: a**0.7)
case('pow whole', [x(2, 3)], lambda a: a**3)
case('abs', [x(3, 4)], torch.abs)
case('sigmoid', [x(3, 4, low=-4, high=4)], torch.sigmoid)
case('relu', [x(3, 4)], torch.relu)
case('clamp', [x(3, 4)], lambda a: a.clamp(-0.4, 0.5))
case('softplus', [x(3, 4, low=-6, high=6)], F.softplus)
case('gelu', [x(3, 4, low=-3, high=3)], F.gelu)
# shape
case('reshape', [x(2, 6)], lambda a: a.reshape(3, 4))
case('transpose', [x(2, 3, 4)], lambda a: a.permute(2, 0, 1))
case('concat', [x(2, 3), x(2, 1), x(2, 2)], lambda *a: torch.cat(a, 1))
case('slice', [x(2, 5, 3)], lambda a: a[:, 1:4])
case('split', [x(2, 6, 3)], lambda a: torch.cat([a.chunk(3, 1)[2], a.chunk(3, 1)[0] ** 2], 2))
case('pad', [x(2, 3, 2)], lambda a: F.pad(a, (0, 0, 2, 1)))
case('expand', [x(3, 1)], lambda a: a.expand(2, 3, 4))
# gather
case('gather', [x(5, 3)], lambda a: a[torch.tensor([4, 0, 0, 2, 4, 4])])
case('gather axis 1', [x(2, 4, 3)], lambda a: a[:, torch.tensor([3, 3, 1])])
case('gather computed', [x(5, 3)], lambda a: a[torch.tensor([[4, 0, 0], [2, 4, 4]])])
case('gather computed axis 1', [x(2, 4, 3)], lambda a: a[:, torch.tensor([3, 3, 1])])
PLACES_ALONG = torch.tensor([[2, 0, 2], [1, 1, 2]])
case('gatherElements', [x(2, 4)], lambda a: a.gather(1, PLACES_ALONG))
case('scatterElements', [x(2, 3)], lambda a: torch.zeros(2, 4).scatter_add(1, PLACES_ALONG, a))
case('scatterAdd', [x(4, 2)], lambda a: torch.zeros(3, 2).index_add(0, torch.tensor([2, 0, 2, 2]), a))
case('permuteRows', [x(2, 5, 3)], lambda a: a[:, torch.tensor([3, 1, 4, 0, 2])])
case('regroupRows', [x(4, 3), x(2, 3)], lambda a, b: (lambda c: torch.cat([c[3:], c[:3] ** 2], 1))(torch.cat([a, b])[torch.tensor([5, 1, 3, 0, 4, 2])]))
# products
case('matmul', [x(3, 4), x(4, 5)], torch.matmul)
case('matmul batched', [x(2, 3, 4), x(2, 4, 5)], torch.matmul)
case('matmul broadcast', [x(2, 1, 3, 4), x(3, 4, 2)], torch.matmul)
case('matmul shared', [x(2, 3, 4), x(4, 2)], torch.matmul)
case('linear', [x(2, 3, 4), x(4, 5), x(5)], lambda a, w, b: a @ w + b)
case('linear without bias', [x(2, 3, 4), x(4, 5)], lambda a, w: a @ w)
case('linear many rows', [x(2, 512, 2), x(2, 3), x(3)], lambda a, w, b: a @ w + b)
case('linearOnto', [x(6, 5), x(6, 4), x(4, 5), x(5)], lambda o, a, w, b: o + a @ w + b)
case('bareGeluLinear', [x(2, 3, 6, low=-3, high=3), x(6, 5), x(5), x(2, 3, 5)], lambda u, w, b, o: F.gelu(u * 2 ** 0.5) / 2 ** 0.5 @ w + b + o)
case('mlp', [x(2, 3, 4), x(4, 6), x(6), x(6, 3), x(3)], lambda a, w1, b1, w2, b2: F.gelu(a @ w1 + b1) @ w2 + b2)
# convolution
conv = lambda **o: lambda a, w, b=None: F.conv2d(a, w, b, **o)
case('conv2d', [x(2, 3, 5, 4), x(4, 3, 3, 3), x(4)], conv(padding=1))
case('conv2d stride 2', [x(2, 3, 6, 5), x(2, 3, 3, 3), x(2)], conv(padding=1, stride=2))
case('conv2d uneven padding', [x(1, 2, 6, 6), x(3, 2, 3, 3)], lambda a, w: F.conv2d(F.pad(a, (0, 1, 0, 1)), w, stride=2))
case('conv2d groups', [x(2, 4, 4, 4), x(6, 2, 3, 3), x(6)], conv(padding=1, groups=2))
case('conv2d depthwise stride 2', [x(1, 3, 5, 5), x(3, 1, 3, 3)], conv(padding=1, stride=2, groups=3))
case('conv2d 1x1', [x(2, 3, 3, 4), x(5, 3, 1, 1), x(5)], conv())
case('conv2d few features, even sides', [x(2, 3, 6, 4), x(2, 3, 3, 3), x(2)], conv(padding=1))
case('conv2d few features, uneven padding', [x(1, 2, 5, 6), x(4, 2, 2, 3)], lambda a, w: F.conv2d(F.pad(a, (1, 1, 0, 0)), w))
case('conv2d wide kernel', [x(1, 2, 7, 6), x(2, 2, 5, 4)], conv())
# resizing
resize = lambda h, w: lambda a: F.interpolate(a, (h, w), mode='bilinear', align_corners=False)
case('resize up', [x(2, 2, 3, 4)], resize(6, 8))
case('resize down', [x(1, 2, 7, 6)], resize(3, 4))
case('resize odd', [x(1, 1, 4, 5)], resize(7, 3))
case('resize nhwc', [x(2, 3, 4, 2)], lambda a: resize(6, 5)(a.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
corners = lambda h, w: lambda a: F.interpolate(a, (h, w), mode='bilinear', align_corners=True)
case('resize corners', [x(2, 1, 3, 4)], corners(12, 16))
case('resize corners nhwc', [x(1, 3, 4, 2)], lambda a: corners(5, 1)(a.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
d2s = lambda a, k: a.reshape(a.shape[0], a.shape[1], a.shape[2], k, k, -1).permute(0, 1, 3, 2, 4, 5).reshape(a.shape[0], a.shape[1] * k, a.shape[2] * k, -1)
s2d = lambda a, k: a.reshape(a.shape[0], a.shape[1] // k, k, a.shape[2] // k, k, -1).permute(0, 1, 3, 2, 4, 5).reshape(a.shape[0], a.shape[1] // k, a.shape[2] // k, -1)
case('depthToSpace', [x(2, 2, 3, 8)], lambda a: d2s(a, 2))
case('spaceToDepth', [x(2, 4, 6, 3)], lambda a: s2d(a, 2))
# reductions
case('reduceSum', [x(2, 3, 4)], lambda a: a.sum((0, 2)))
case('reduceSum keepdims', [x(2, 3, 4)], lambda a: a.sum(1, keepdim=True))
case('reduceMean', [x(2, 3, 4)], lambda a: a.mean())
case('reduceMean axis', [x(2, 3, 4)], lambda a: a.mean(-1))
case('reduceMax', [x(2, 3, 4)], lambda a: a.amax((0, 2)))
case('reduceMax keepdims', [x(2, 3, 4)], lambda a: a.amax(1, keepdim=True))
case('topK', [x(2, 5, 3)], lambda a: a.topk(2, 1).values)
case('topK smallest', [x(3, 7)], lambda a: a.topk(3, 1, largest=False).values)
case('sumSquares', [x(3, 4)], lambda a: a.square().sum(1, keepdim=True))
case('l2Norm', [x(3, 4)], lambda a: a.norm(dim=1, keepdim=True))
case('averagePool', [x(2, 3, 4, 6)], lambda a: F.avg_pool2d(a, 2, 2))
case('averagePool stride 1', [x(1, 2, 5, 4)], lambda a: F.avg_pool2d(a, 3, 1))
case('averagePool with a rest', [x(1, 2, 8, 6)], lambda a: F.avg_pool2d(a, 2, 3))
case('columnSums', [x(1024, 3)], lambda a: a.sum(0))
case('softmax', [x(2, 3, 5, low=-3, high=3)], lambda a: a.softmax(-1))
case('softmax axis 1', [x(2, 3, 2, low=-3, high=3)], lambda a: a.softmax(1))
case('l2Normalize', [x(2, 3, 4)], lambda a: F.normalize(a, dim=1))
case('layerNorm', [x(2, 3, 8)], lambda a: F.layer_norm(a, (8,)))
case('layerNorm affine', [x(2, 3, 8), x(8, low=0.5, high=1.5), x(8)], lambda a, w, b: F.layer_norm(a, (8,), w, b))
case('layerNorm folded', [x(2, 3, 8), x(8, 4), x(4), x(8, low=0.5, high=1.5), x(8)], lambda a, w, b, g, s: F.layer_norm(a, (8,), g, s) @ w + b)
case('groupNorm', [x(2, 3, 4, 5), x(5, low=0.5, high=1.5), x(5)], lambda a, w, b: F.group_norm(a.permute(0, 3, 1, 2), 1, w, b).permute(0, 2, 3, 1))


# attention
def attention(q, k, v, bias=None, mask=None, scale=1.0):
    scores = q @ k.transpose(-2, -1) * scale
    if bias is not None: scores = scores + bias
    if mask is not None: scores = (scores.reshape(-1, *mask.shape[:1], *scores.shape[1:]) + mask).reshape(scores.shape)
    return scores.softmax(-1) @ v


MASK = pattern([2, 1, 3, 3], -2, 0, 50)
case('attention', [x(2, 2, 3, 4), x(2, 2, 3, 4), x(2, 2, 3, 4), x(2, 3, 3)], attention)
case('attention without bias', [x(2, 2, 3, 4), x(2, 2, 5, 4), x(2, 2, 5, 2)], attention)
case('attention with mask', [x(4, 2, 3, 4), x(4, 2, 3, 4), x(4, 2, 3, 4), x(2, 3, 3)], lambda q, k, v, b: attention(q, k, v, b, MASK, 0.5))


def self_attention(qkv, bias, heads, scale):
    b, n, packed = qkv.shape
    q, k, v = qkv.reshape(b, n, 3, heads, packed // 3 // heads).permute(2, 0, 3, 1, 4)
    return attention(q, k, v, bias, None, scale).transpose(1, 2).reshape(b, n, packed // 3)


case('selfAttention', [x(2, 3, 24), x(2, 3, 3)], lambda qkv, b: self_attention(qkv, b, 2, 0.5))

# a small Swin stack, plain (no folding, no window order kept between blocks), against which the rewritten one is held
DIM, HEADS, SIDE, WINDOW, HIDDEN, INPUTS = 8, 2, 8, 4, 16, 5
N = WINDOW * WINDOW
SHAPES = {'embed.weight': [INPUTS, DIM], 'embed.bias': [DIM]}
for i in range(2):
    SHAPES |= {
        f'{i}.norm1.weight': [DIM], f'{i}.norm1.bias': [DIM], f'{i}.qkv.weight': [DIM, 3 * DIM], f'{i}.qkv.bias': [3 * DIM],
        f'{i}.positions': [(2 * WINDOW - 1) ** 2, HEADS], f'{i}.out.weight': [DIM, DIM], f'{i}.out.bias': [DIM],
        f'{i}.norm2.weight': [DIM], f'{i}.norm2.bias': [DIM], f'{i}.mlp1.weight': [DIM, HIDDEN], f'{i}.mlp1.bias': [HIDDEN],
        f'{i}.mlp2.weight': [HIDDEN, DIM], f'{i}.mlp2.bias': [DIM],
    }
SHAPES |= {'norm.weight': [DIM], 'norm.bias': [DIM], 'head.weight': [DIM, 1], 'head.bias': [1]}
P = {}
for stream, (name, shape) in enumerate(SHAPES.items()):
    low, high = (0.5, 1.5) if 'norm' in name and name.endswith('weight') else (-0.4, 0.4)
    P[name] = torch.nn.Parameter(pattern(shape, low, high, stream))
X, Y = pattern([2, SIDE * SIDE, INPUTS], -1, 1, 200), pattern([2, SIDE * SIDE, 1], 0, 1, 201)
PLACES = torch.tensor([(i // WINDOW - j // WINDOW + WINDOW - 1) * (2 * WINDOW - 1) + i % WINDOW - j % WINDOW + WINDOW - 1 for i in range(N) for j in range(N)])


def network():
    t = lambda name, a: a @ P[f'{name}.weight'] + P[f'{name}.bias']
    norm = lambda name, a: F.layer_norm(a, (DIM,), P[f'{name}.weight'], P[f'{name}.bias'])
    windows = SIDE // WINDOW
    h = t('embed', X)
    for i in range(2):
        shift = WINDOW // 2 if i % 2 else 0
        a = norm(f'{i}.norm1', h).reshape(2, SIDE, SIDE, DIM).roll((-shift, -shift), (1, 2))
        a = a.reshape(2, windows, WINDOW, windows, WINDOW, DIM).permute(0, 1, 3, 2, 4, 5).reshape(-1, N, DIM)
        bias = P[f'{i}.positions'][PLACES].reshape(N, N, HEADS).permute(2, 0, 1)
        a = t(f'{i}.out', self_attention(t(f'{i}.qkv', a), bias, HEADS, (DIM / HEADS) ** -0.5))
        a = a.reshape(2, windows, windows, WINDOW, WINDOW, DIM).permute(0, 1, 3, 2, 4, 5).reshape(2, SIDE, SIDE, DIM)
        h = h + a.roll((shift, shift), (1, 2)).reshape(2, SIDE * SIDE, DIM)
        h = h + t(f'{i}.mlp2', F.gelu(t(f'{i}.mlp1', norm(f'{i}.norm2', h))))
    return torch.sigmoid(t('head', norm('norm', h)))


plain = [p for p in P.values() if p.ndim < 2]
optimizer = torch.optim.AdamW(
    [{'params': [p for p in P.values() if p.ndim >= 2], 'weight_decay': 0.05}, {'params': plain, 'weight_decay': 0.0}], lr=1e-2)
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = ((network() - Y) ** 2).mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(P.values(), 0.05)
    optimizer.step()
    losses.append(loss.item())
swin = {'losses': losses, 'parameters': {n: [float(f'{v:.7g}') for v in p.detach().reshape(-1).tolist()] for n, p in P.items()}}

path = pathlib.Path(__file__).parent / 'fixtures' / 'golden.json'
path.parent.mkdir(exist_ok=True)
lines = [f'  {json.dumps(name)}: {json.dumps(value)}' for name, value in CASES.items()]
path.write_text('{"cases": {\n' + ',\n'.join(lines) + '\n},\n"swin": ' + json.dumps(swin) + '}\n')
print(path, path.stat().st_size, 'bytes', len(CASES), 'cases; losses', losses)
