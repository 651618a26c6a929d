# natgrad: writes run files with h5py, good ones in every form of the format and bad ones of every kind.
# Usage: make_runs.py DIRECTORY forms|large. Exits 77 where h5py or numpy is absent.
import struct
import sys
import zlib

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(error)
    sys.exit(77)

K, D = 23, 12
NAMES, SIZES = ["W1", "Wörter", "b"], [5, 4, 3]
SCALE = 6  # every value is an integer times 2^-SCALE, small enough for float16


def integers(salt):
    """K x D integers; tests repeat the formula."""
    k, d = np.meshgrid(np.arange(K), np.arange(D), indexing="ij")
    values = ((31 * k + 17 * d * d + salt * (k + 1)) % 101 - 50) * 2 ** ((k + d + salt) % 4)
    values[3] = 0 if salt == 1 else values[3]  # a zero update
    values[4] = 0  # stationary
    return values


UPDATE = integers(1) / 2.0**SCALE
GRADIENT = integers(2) / 2.0**SCALE
THETA = np.vstack([np.zeros(D), np.cumsum(UPDATE, axis=0)])
LOSS = np.array([((7 * k) % 11 + 20 - k / 2) / 4 for k in range(K + 1)])


def serialised_gram(update, gradient):
    """The bytes of an exact Gram, from Python's integers."""
    g = [int(x) for x in update * 2**SCALE]
    y = [-int(x) for x in gradient * 2**SCALE]
    sums = [sum(a * b for a, b in zip(u, v)) for u, v in ((g, g), (g, y), (y, y))]
    shift = 2148 - 2 * SCALE
    return b"NGGRAM\x00\x01" + struct.pack("<Q", len(g)) + b"".join(
        (s << shift).to_bytes(536, "little", signed=True) for s in sums)


def grams(bounds):
    rows = [[serialised_gram(UPDATE[k, a:b], GRADIENT[k, a:b]) for a, b in bounds] for k in range(K)]
    return np.array(rows, dtype="V1624")


class Run:
    """A file with a header; extra arguments go to h5py.File."""

    def __init__(self, name, header=True, **options):
        self.file = h5py.File(f"{directory}/{name}.h5", "w", **options)
        if header:
            self.file.attrs["format"] = "natgrad-run"
            self.file.attrs["version"] = 1

    def __enter__(self):
        return self.file

    def __exit__(self, *error):
        self.file.close()


def vectors(file, dtype="<f8", update=True, **options):
    file.create_dataset("gradient", data=GRADIENT.astype(dtype), **options)
    if update:
        file.create_dataset("update", data=UPDATE.astype(dtype), **options)
    file.create_dataset("loss", data=LOSS)


def groups(file, names=None, sizes=None):
    file["groups/name"] = NAMES if names is None else names
    file["groups/size"] = SIZES if sizes is None else sizes


def good():
    """All hold the same run; *-named ones its groups, *-rate ones a learning rate of 1/4 + k/8 or 1/4."""
    for dtype in "<f8", ">f8", "<f4", ">f4", "<f2", ">f2":
        with Run("type-" + dtype.replace("<", "little-").replace(">", "big-")) as f:
            vectors(f, dtype)
    for name, (update, gradient) in {"mixed-f4-f8": ("<f4", "<f8"), "mixed-f8-f4": ("<f8", ">f4"),
                                     "mixed-f2-f8": (">f2", "<f8"), "mixed-f2-f4": ("<f2", "<f4")}.items():
        with Run(name) as f:
            f["update"], f["gradient"] = UPDATE.astype(update), GRADIENT.astype(gradient)
            f["loss"] = LOSS.astype("<f4")
    for name, options in {
            "gzip": dict(compression="gzip"),
            "shuffle": dict(compression="gzip", shuffle=True, fletcher32=True),
            "chunk-rows": dict(chunks=(5, D)),
            "chunk-columns": dict(chunks=(K, 1), compression="gzip"),
            "chunk-odd": dict(chunks=(4, 5), compression="gzip"),
            "chunk-single": dict(chunks=(1, 1)),
            "unlimited": dict(maxshape=(None, None)),
    }.items():
        with Run(name) as f:
            vectors(f, **options)
    with Run("chunk-both") as f:
        f.create_dataset("update", data=UPDATE, chunks=(7, 5), compression="gzip")
        f.create_dataset("gradient", data=GRADIENT, chunks=(3, 11))
        f.create_dataset("loss", data=LOSS, chunks=(2,), compression="gzip")
    for dtype in "<f8", "<f4", ">f4":
        with Run("theta-" + dtype.replace("<", "little-").replace(">", "big-")) as f:
            vectors(f, dtype, update=False)
            f.create_dataset("theta", data=THETA.astype(dtype), chunks=(4, 5) if dtype == "<f8" else None)
    with Run("loss-per-step") as f:
        vectors(f)
        del f["loss"]
        f["loss"] = LOSS[:K]
    with Run("scalar-rate") as f:
        vectors(f)
        f["learning_rate"] = 0.25
    with Run("vector-rate") as f:
        vectors(f, "<f4")
        f["learning_rate"] = (0.25 + np.arange(K) / 8).astype("<f2")
    with Run("radius") as f:
        vectors(f)
        f["radius"] = np.arange(K) % 3 * 0.5
    with Run("variable-named") as f:
        vectors(f)
        groups(f)
    with Run("fixed-named") as f:
        vectors(f, compression="gzip")
        groups(f, np.array([n.encode() for n in NAMES]), np.array(SIZES, dtype=">i2"))
    with Run("utf8-named") as f:
        vectors(f, "<f2")
        kind = h5py.string_dtype("utf-8", 20)
        groups(f, np.array([n.encode() for n in NAMES], dtype=kind), np.array(SIZES, dtype="u1"))
    with Run("theta-named") as f:
        vectors(f, update=False)
        f["theta"] = THETA
        groups(f, sizes=np.array(SIZES, dtype="<u8"))
    with Run("gram") as f:
        f["gram"], f["loss"] = grams([(0, D)]), LOSS
    with Run("gram-named") as f:
        f.create_dataset("gram", data=grams([(0, 5), (5, 9), (9, 12)]), chunks=(4, 2), compression="gzip")
        f["loss"] = LOSS
        groups(f)
    with Run("attributes", header=False) as f:
        f.attrs["format"] = np.bytes_("natgrad-run")
        f.attrs["version"] = np.array([1], dtype=">i2")
        f.attrs["rule"], f.attrs["problem"] = "règle", np.bytes_("quadratic")
        f.attrs["seed"] = np.int64(-5)
        f.attrs["other"] = [1, 2, 3]
        f["other"] = 1
        vectors(f)
    with Run("latest", libver="latest") as f:
        vectors(f, maxshape=(None, D))
        groups(f)
        del f["groups"]
    with Run("user-block", userblock_size=512) as f:
        vectors(f)
    with Run("soft-link") as f:
        f.create_group("data")
        f["data/g"] = GRADIENT
        f["gradient"] = h5py.SoftLink("/data/g")
        f["update"], f["loss"] = UPDATE, LOSS
    with Run("compact") as f:
        for name, data in ("gradient", GRADIENT), ("update", UPDATE), ("loss", LOSS):
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.COMPACT)
            space = h5py.h5s.create_simple(data.shape)
            h5py.h5d.create(f.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plist).write(
                h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(data))


def mix(i):
    """splitmix64's finaliser; tests repeat it."""
    with np.errstate(over="ignore"):
        z = (np.asarray(i, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def bits():
    """Every finite float16, and random bit patterns of finite float32 and float64, subnormals among them."""
    half = np.arange(1 << 16, dtype=np.uint16)
    half = half[(half >> 10) & 31 != 31]
    single = (mix(np.arange(4096)) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    single[::3] &= np.uint32(0x807FFFFF)  # subnormal
    single = np.where((single >> 23) & 0xFF == 0xFF, single ^ np.uint32(1 << 30), single)
    wide = mix(np.arange(4096) + 4096)
    wide[::3] &= np.uint64(0x800FFFFFFFFFFFFF)
    wide = np.where((wide >> np.uint64(52)) & np.uint64(0x7FF) == 0x7FF, wide ^ np.uint64(1 << 62), wide)
    for name, values, dtype in ("half", half, "f2"), ("single", single, "f4"), ("wide", wide, "f8"):
        for order in "<", ">":
            with Run(f"bits-{name}-{'little' if order == '<' else 'big'}") as f:
                data = values.view(dtype).astype(order + dtype)
                assert (data.astype("<" + dtype).view(values.dtype) == values).all()
                f["update"], f["gradient"], f["loss"] = data[None, :], data[None, ::-1], [1.0]
    with Run("bits-single-wide") as f:  # widened by HDF5
        f["update"], f["gradient"], f["loss"] = single.view("f4")[None, :], wide.view("f8")[None, :], [1.0]


def bad():
    def broken(name, change, **options):
        with Run("bad-" + name, **options) as f:
            vectors(f)
            groups(f)
            change(f)

    def replace(path, value):
        def change(f):
            if path in f:
                del f[path]
            f[path] = value
        return change

    def remove(path):
        return lambda f: f.__delitem__(path)

    def attribute(name, value):
        return lambda f: f.attrs.__setitem__(name, value)

    for name in "format", "version":
        broken(f"no-{name}", lambda f, name=name: f.attrs.__delitem__(name))
    broken("format", attribute("format", "natgrad-walk"))
    broken("format-number", attribute("format", 1))
    broken("format-list", attribute("format", ["natgrad-run", "natgrad-run"]))
    broken("format-empty", attribute("format", h5py.Empty("S4")))
    broken("format-long", attribute("format", "x" * 60000))
    broken("version", attribute("version", 2))
    broken("version-float", attribute("version", 1.0))
    broken("version-text", attribute("version", "1"))
    broken("version-bool", attribute("version", True))
    broken("rule-number", attribute("rule", 3))
    broken("rule-escape", attribute("rule", "\x1b[2J"))
    broken("rule-bytes", attribute("rule", np.bytes_(b"\xff\xfe")))
    broken("seed-big", attribute("seed", np.uint64(2**63)))
    broken("seed-float", attribute("seed", 0.5))
    for path in "gradient", "update", "loss", "groups/name", "groups/size":
        broken("no-" + path.replace("/", "-"), remove(path))
    broken("both", replace("theta", THETA))
    broken("gram-too", replace("gram", grams([(0, D)])))
    broken("gradient-group", lambda f: (f.__delitem__("gradient"), f.create_group("gradient")))
    broken("groups-dataset", replace("groups", 1.0))
    broken("type", lambda f: (f.__delitem__("loss"), f.__setitem__("loss", np.dtype("<f8"))))
    broken("gradient-rank", replace("gradient", GRADIENT[0]))
    broken("gradient-rank3", replace("gradient", GRADIENT[None]))
    broken("gradient-scalar", replace("gradient", 1.0))
    broken("gradient-null", replace("gradient", h5py.Empty("f8")))
    broken("no-steps", lambda f: (replace("gradient", GRADIENT[:0])(f), replace("update", UPDATE[:0])(f)))
    broken("no-parameters", lambda f: (replace("gradient", GRADIENT[:, :0])(f)))
    broken("update-rows", replace("update", UPDATE[:-1]))
    broken("update-columns", replace("update", UPDATE[:, :-1]))
    broken("theta-rows", lambda f: (remove("update")(f), replace("theta", THETA[:-1])(f)))
    broken("loss-short", replace("loss", LOSS[:-2]))
    broken("loss-long", replace("loss", np.append(LOSS, 1.0)))
    broken("loss-rank", replace("loss", LOSS[:, None]))
    broken("loss-scalar", replace("loss", 1.0))
    broken("radius-short", replace("radius", np.zeros(K - 1)))
    broken("radius-scalar", replace("radius", 0.0))
    broken("rate-one", replace("learning_rate", [0.1]))
    broken("rate-rank", replace("learning_rate", np.zeros((K, 1))))
    for name, value in {"integer": GRADIENT.astype("i8"), "longdouble": GRADIENT.astype(np.longdouble),
                        "complex": GRADIENT.astype("c16"), "boolean": GRADIENT > 0,
                        "text": np.array([[b"a"] * D] * K)}.items():
        broken("gradient-" + name, replace("gradient", value))

    def brain_float(f):
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(15, 7, 8, 0, 7)
        kind.set_size(2)
        del f["gradient"]
        h5py.h5d.create(f.id, b"gradient", kind, h5py.h5s.create_simple((K, D))).write(
            h5py.h5s.ALL, h5py.h5s.ALL, GRADIENT.astype("f4"), h5py.h5t.NATIVE_FLOAT)

    broken("gradient-bfloat16", brain_float)
    broken("groups-sum", replace("groups/size", [5, 4, 2]))
    broken("groups-overflow", replace("groups/size", np.array([2**63, 2**63, 12], dtype="u8")))
    broken("groups-zero", replace("groups/size", [8, 4, 0]))
    broken("groups-negative", replace("groups/size", [9, 4, -1]))
    broken("groups-count", replace("groups/size", [6, 6]))
    broken("groups-float", replace("groups/size", [5.0, 4.0, 3.0]))
    broken("groups-rank", replace("groups/size", [[5, 4, 3]]))
    broken("names-number", replace("groups/name", [1, 2, 3]))
    broken("names-bytes", replace("groups/name", np.array([b"a", b"\xc3", b"c"])))
    broken("names-control", replace("groups/name", ["a", "b", "c\x07"]))
    broken("names-long", replace("groups/name", ["a", "b", "c" * 5000]))
    broken("names-wide", replace("groups/name", np.array([b"a", b"b", b"c"], dtype="S5000")))
    broken("names-many", lambda f: (remove("groups/name")(f), f.create_dataset(
        "groups/name", (2**40,), dtype="S8", chunks=(2**20,))))

    with Run("bad-elsewhere") as f:
        vectors(f)
    external = h5py.ExternalLink(f"{directory}/bad-elsewhere.h5", "/gradient")
    broken("external-link", replace("gradient", external))
    broken("external-group", replace("groups", h5py.ExternalLink(f"{directory}/bad-elsewhere.h5", "/")))
    broken("soft-external", lambda f: (f.__setitem__("outside", external), remove("gradient")(f),
                                       f.__setitem__("gradient", h5py.SoftLink("/outside"))))
    broken("soft-nowhere", replace("gradient", h5py.SoftLink("/nowhere")))
    broken("soft-loop", replace("gradient", h5py.SoftLink("/gradient")))
    broken("external-storage", lambda f: (remove("gradient")(f), f.create_dataset(
        "gradient", data=GRADIENT, external=[(f"{directory}/raw.bin", 0, h5py.h5f.UNLIMITED)])))

    def virtual(f):
        layout = h5py.VirtualLayout(shape=(K, D), dtype="f8")
        layout[...] = h5py.VirtualSource(f"{directory}/bad-elsewhere.h5", "gradient", shape=(K, D))
        del f["gradient"]
        f.create_virtual_dataset("gradient", layout)

    broken("virtual", virtual)
    broken("lzf", lambda f: (remove("gradient")(f), f.create_dataset(
        "gradient", data=GRADIENT, compression="lzf")))
    broken("big-chunk", lambda f: (remove("gradient")(f), f.create_dataset(
        "gradient", (K, 2**28), dtype="f8", chunks=(1, 2**26), compression="gzip")))

    # Absurd extents with nothing behind them.
    for name, options in {"huge-chunked": dict(chunks=(1024,)), "huge-contiguous": {}}.items():
        with Run("bad-" + name) as f:
            rows = 2**60 if options else 2**50
            f.create_dataset("gram", (rows, 1), dtype="V1624", chunks=(1, 1))
            f.create_dataset("loss", (rows,), dtype="f8", **options)
    with Run("bad-huge-loss") as f:  # the first chunk is there
        f.create_dataset("gram", (2**50, 1), dtype="V1624", chunks=(1, 1))
        f["gram"][0] = grams([(0, D)])[0]
        loss = f.create_dataset("loss", (2**50,), dtype="f8", chunks=(1024,))
        loss[:1024] = 1.0
    with Run("bad-huge-wide") as f:
        for name in "gradient", "update":
            f.create_dataset(name, (1, 2**62), dtype="f8", chunks=(1, 1024))[0, :1024] = 1.0
        f["loss"] = [1.0]
    with Run("bad-huge-theta") as f:
        f.create_dataset("theta", (2**60 + 1, 1), dtype="f8", chunks=(1024, 1))[:1024] = 1.0
        f.create_dataset("gradient", (2**60, 1), dtype="f8", chunks=(1024, 1))[:1024] = 1.0
        f.create_dataset("loss", (2**60,), dtype="f8", chunks=(1024,))[:1024] = 1.0

    # Bad from step 9 on.
    for name in "gradient", "update", "loss":
        with Run(f"late-unwritten-{name}") as f:
            vectors(f)
            data = f[name][...]
            del f[name]
            f.create_dataset(name, data.shape, dtype="f8", chunks=(9,) + data.shape[1:])[:9] = data[:9]
        with Run(f"late-corrupt-{name}") as f:
            vectors(f)
            data = f[name][...]
            del f[name]
            f.create_dataset(name, data=data, chunks=(9,) + data.shape[1:], compression="gzip", shuffle=True)
            where = f[name].id.get_chunk_info(1)
        with open(f"{directory}/late-corrupt-{name}.h5", "r+b") as f:
            f.seek(where.byte_offset)
            f.write(bytes(where.size))
    with Run("late-theta") as f:
        vectors(f, update=False)
        f.create_dataset("theta", (K + 1, D), dtype="f8", chunks=(10, D))[:10] = THETA[:10]
    with Run("late-gram") as f:
        data = grams([(0, D)])
        spoilt = bytearray(data[9, 0].tobytes())
        spoilt[20 + 536] ^= 0xFF  # p no longer below sqrt(gg yy)
        spoilt[16 + 2 * 536 - 3] ^= 0x40
        data[9, 0] = bytes(spoilt)
        f["gram"], f["loss"] = data, LOSS
    with Run("late-gram-dimension") as f:
        data = grams([(0, D)])
        data[9, 0] = serialised_gram(UPDATE[9, :-1], GRADIENT[9, :-1])
        f["gram"], f["loss"] = data, LOSS
    with Run("bad-gram-groups") as f:
        f["gram"], f["loss"] = grams([(0, 5), (5, 12)]), LOSS
        groups(f)
    with Run("bad-gram-unnamed") as f:
        f["gram"], f["loss"] = grams([(0, 5), (5, 12)]), LOSS
    with Run("bad-gram-size") as f:
        f["gram"], f["loss"] = np.zeros((K, 1), dtype="V1600"), LOSS
    with Run("bad-gram-bytes") as f:
        f["gram"], f["loss"] = np.zeros((K, 1624), dtype="u1"), LOSS
    with Run("bad-gram-first") as f:
        f["gram"], f["loss"] = np.zeros((K, 1), dtype="V1624"), LOSS


def large():
    """A gigabyte and more of equal chunks, each compressed once."""
    def fill(file, name, shape, chunk, value):
        data = file.create_dataset(name, shape, dtype="f8", chunks=chunk, compression="gzip")
        block = zlib.compress(np.full(chunk, value).tobytes(), 1)
        for i in range(0, shape[0], chunk[0]):
            for j in range(0, shape[1], chunk[1]):
                data.id.write_direct_chunk((i, j), block)

    with Run("large-long") as f:  # many rows: 2 x 512 MiB
        fill(f, "update", (1 << 14, 1 << 12), (1 << 8, 1 << 8), 1.5)
        fill(f, "gradient", (1 << 14, 1 << 12), (1 << 6, 1 << 10), -0.5)
        f["loss"] = 1.0 / np.arange(1, (1 << 14) + 1)
    with Run("large-wide") as f:  # rows of 256 MiB
        fill(f, "theta", (3, 1 << 25), (1, 1 << 20), 1.5)
        fill(f, "gradient", (2, 1 << 25), (2, 1 << 19), -0.5)
        f["loss"] = [2.0, 1.0]


directory = sys.argv[1]
if sys.argv[2] == "forms":
    good()
    bits()
    bad()
else:
    large()
