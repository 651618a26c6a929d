"""natgrad: runs the benchmarks and writes what they say: one table of ratios, RESULTS.md and two pictures.

Usage: report.py BUILD_DIR [--quick]

Every case is a process of its own, once for each kernel that library and machine have. It times natgrad and its
baselines on the same data, in several repetitions in random order. --quick: fewer and shorter repetitions of smaller
cases, written to BUILD_DIR/bench/quick, so that they do not pass for results.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
KERNELS = {"avx512": {"avx512f", "avx512dq", "avx2", "fma"}, "avx2": {"avx2", "fma"}, "portable": set()}
TITLES = {"avx512": "AVX-512", "avx2": "AVX2", "portable": "portable"}
SAME = 1.05  # "the same": within 5 % of noise


def say(text):
    print(text, file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------------------ the cases


@dataclass
class Row:
    """One line of the table: the time of `what` divided by the time of `against`, both names of the program's."""

    label: str
    baseline: str
    program: str
    arguments: tuple
    what: str
    against: str
    targets: dict = field(default_factory=dict)  # kernel, or "any": the largest ratio
    nanoseconds: float = 0  # or the longest time
    same_in_all: bool = False  # the kernel does not matter: the best alone is measured
    clock: str = "cpu_time"
    peer: str = ""
    limit: str = ""  # a baseline that it cannot be faster than: told where a target is missed


def number(n):
    digits = f"{n:.0e}".replace("e+0", "e")
    return str(n) if n < 10_000 else digits


def cases(big, quick):
    """All rows. Targets are for n = 2e7; where that is replaced, there are none."""
    naive = "fused naive triple"
    rows = []

    def targets(n, avx512=None, avx2=None):
        found = {"avx512": avx512, "avx2": avx2}
        return {} if quick and n == big else {k: v for k, v in found.items() if v}

    def gram(label, kind, n, what="exact", against="naive", baseline=naive, element="double", **rest):
        plain = element == "double" and what == "exact" and against in ("naive", "3 ddot")
        limit = "operations" if plain else ""
        rows.append(Row(label, baseline, "gram_bench", (element, kind, n), what, against, limit=limit, **rest))

    sizes = {100: (7, 9), 10_000: (7, 10), 1_000_000: (1.6, 2.4), big: (1.25, 1.35)}
    for n, (avx512, avx2) in sizes.items():
        gram(f"Gram, doubles, n = {number(n)}", "normal", n, targets=targets(n, avx512, avx2))
    for n, limit in {100: 2.5, 10_000: None, 1_000_000: 1, big: 0.5}.items():
        gram(f"Gram, doubles, n = {number(n)}", "normal", n, against="3 ddot", baseline="three `cblas_ddot`",
             targets=targets(n, limit), peer="OpenBLAS")
    for n in sizes:
        gram(f"Gram, doubles, n = {number(n)}", "normal", n, against="operations", baseline="its operations alone")
    gram(f"Gram, doubles, n = {number(big)}", "normal", big, against="read", baseline="reading the vectors")
    gram(f"Gram, doubles, n = {number(big)}, two threads", "normal", big, what="exact on 2 threads", against="exact",
         baseline="one thread, elapsed time", targets=targets(big, 1 / 1.8), clock="real_time")
    for n in sizes:
        gram(f"Gram, floats, n = {number(n)}", "normal", n, element="float", baseline=naive + ", double sums")
    spreads = {"exponents10": ("exponents ±10", 1.5), "exponents20": ("exponents ±20", 2),
               "exponents30": ("exponents ±30", 8), "exponents60": ("exponents ±60", 10),
               "lognormal3": ("lognormal, σ = 3", 2.2), "bits": ("random bits", 15)}
    for element in ("double", "float"):
        for kind, (name, limit) in spreads.items():
            gram(f"Gram, {element}s, {name}, n = {number(big)}", kind, big, element=element,
                 targets=targets(big, limit) if element == "double" else {})
    for cosine in ("1e-4", "1e-8", "1e-12", "1e-16"):
        gram(f"Gram, doubles, cos ψ = {cosine}, n = {number(big)}", "cos" + cosine, big,
             against="exact on a normal pair", baseline="the same, cos ψ not small",
             targets=dict.fromkeys(KERNELS, SAME))
    for n in (10, 100, 1000):
        rows.append(Row(f"10000 Grams of n = {n}", naive, "batch_bench", (n, 10_000), "exact", "naive"))

    apply_limits = {10_000: 3.5, 1_000_000: 1.6, big: 1.25}
    for operation, name in {"apply": "M x", "solve": "M⁻¹x", "root_apply": "M^½ x"}.items():
        for n, limit in apply_limits.items():
            rows.append(Row(f"{name}, n = {number(n)}", "fused plain loop", "canonical_form_bench", (operation, n),
                            "exact", "plain", targets(n, limit if operation == "apply" else None)))
    for n in apply_limits:
        arguments = ("apply", n)
        rows.append(Row(f"M x, n = {number(n)}", "its pass of elements alone", "canonical_form_bench", arguments,
                        "exact", "plain elements"))
        rows.append(Row(f"M x, n = {number(n)}", "BLAS: 2 dot, copy, scal, 2 axpy", "canonical_form_bench", arguments,
                        "exact", "BLAS", peer="OpenBLAS"))

    for parameter, name in {"optimal": "a*", "given": "a given"}.items():
        for what, title, limit in (("all", "`scalars()`", 0), ("algebraic", "the 8 algebraic scalars", 200),
                                   ("angle", "angle", 300), ("log_condition", "ln κ", 300),
                                   ("log_det", "ln det", 300)):
            if what == "angle" and parameter == "given":
                continue  # it has no parameter
            rows.append(Row(f"{title}, {name}", "plain formulas", "scalars_bench", (parameter,), what,
                            "plain " + what, nanoseconds=limit, same_in_all=True))

    def peer(name, label, baseline, program, arguments, what, against, limit=None):
        rows.append(Row(label, baseline, program, arguments, what, against, {"any": limit} if limit else {},
                        same_in_all=True, peer=name))

    for kind in ("updates", "parameters"):
        steps, n = (20, 50_000) if quick else (20, 1_000_000)
        rows.append(Row(f"analysing a run file, {kind}, {steps} steps, n = {number(n)}", "reading it, `H5Dread`",
                        "analysis_bench", (kind, steps, n), "analyze", "H5Dread", same_in_all=True))

    million = (1_000_000,)
    peer("PETSc", "Gram and metric, n = 1e6", "PETSc `MatLMVMUpdate`", "petsc_bench", million, "update",
         "PETSc update", 1 / 5)
    peer("PETSc", "M x, n = 1e6", "PETSc `MatMult`", "petsc_bench", million, "apply", "PETSc MatMult", 1 / 1.2)
    peer("PETSc", "M⁻¹x, n = 1e6", "PETSc `MatSolve`", "petsc_bench", million, "solve", "PETSc MatSolve", 1 / 1.5)
    for what, against, baseline in (("solve", "forming M", "forming the dense M"),
                                    ("solve", "dposv", "LAPACK `dposv`, M formed"),
                                    ("spectrum", "dsyev", "LAPACK `dsyev`, eigenvalues, M formed")):
        title = {"solve": "Gram, metric and M⁻¹x", "spectrum": "Gram, metric and spectrum"}[what]
        peer("LAPACK", f"{title}, n = 1000", baseline, "lapack_bench", (1000,), what, against)
    for name in ("Arb", "MPFR"):
        program = name.lower() + "_bench"
        peer(name, "Gram, doubles, n = 1e4", f"{name}, 256 bits", program, (10_000,), "exact", f"{name} triple")
        peer(name, "`scalars()`, a*", f"{name}, 128 bits, not proved", program, (10_000,), "scalars",
             f"{name} scalars")
    return rows


# ------------------------------------------------------------------------------------------------ measuring


class NotMeasured(Exception):
    """With the reason."""


class Lab:
    """Runs programs, each case once, and keeps their times."""

    def __init__(self, build, quick):
        self.folder = build / "bench"
        self.built = json.loads((self.folder / "build.json").read_text())
        self.repetitions, self.seconds, self.patience = (3, 0.01, 60) if quick else (15, 0.05, 300)
        self.results, self.context, self.runs = {}, {}, 0
        self.absent = self.absent_kernels(build)
        self.kernels = [kernel for kernel in KERNELS if kernel not in self.absent]

    @staticmethod
    def absent_kernels(build):
        """Why kernels cannot be measured."""
        words = Path("/proc/cpuinfo").read_text().split("flags", 1)[-1].split("\n", 1)[0].split()
        absent = {}
        if b"NATGRAD_KERNEL" not in (build / "lib" / "libnatgrad.so").read_bytes():
            return {kernel: "this natgrad has the portable kernel only" for kernel in KERNELS if kernel != "portable"}
        for kernel, flags in KERNELS.items():
            lacking = flags - set(words)
            if lacking:
                absent[kernel] = f"this processor has no {', '.join(sorted(lacking))}"
        return absent

    def measure(self, kernel, program, arguments, repetitions=None):
        """{contender: {clock: seconds per repetition}}"""
        if kernel in self.absent:
            raise NotMeasured(self.absent[kernel])
        key = (kernel, program, arguments, repetitions)
        if key not in self.results:
            try:
                self.results[key] = self.run(kernel, program, arguments, repetitions or self.repetitions)
            except NotMeasured as reason:
                self.results[key] = reason
        if isinstance(self.results[key], NotMeasured):
            raise self.results[key]
        return self.results[key]

    def run(self, kernel, program, arguments, repetitions):
        self.runs += 1
        say(f"[{self.runs}] {program} {' '.join(map(str, arguments))} ({TITLES[kernel]})")
        command = [str(self.folder / program), *map(str, arguments), "--benchmark_format=json",
                   f"--benchmark_repetitions={repetitions}", f"--benchmark_min_time={self.seconds}",
                   "--benchmark_enable_random_interleaving=true"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        environment.update(NATGRAD_KERNEL=kernel, OPENBLAS_NUM_THREADS="1")
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=self.patience)
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"took more than {self.patience} s") from None
        except OSError as error:
            raise NotMeasured(f"{program} cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise NotMeasured(f"{program} failed: {last}")
        output = json.loads(done.stdout)
        self.context.update(output["context"])
        times = {}
        for entry in output["benchmarks"]:
            if entry["run_type"] != "iteration" or entry.get("error_occurred"):
                continue
            clocks = times.setdefault(entry["run_name"], {"cpu_time": [], "real_time": []})
            for clock, list_ in clocks.items():
                list_.append(entry[clock] * 1e-9)
        return times

    def times(self, kernel, row):
        """The times of a row's two contenders."""
        built = self.built["peers"].get(row.peer, "built")
        if built != "built":
            raise NotMeasured(f"{row.peer}: {built}")
        if row.clock == "real_time" and os.cpu_count() < 2:
            raise NotMeasured("this machine has one core")
        found = self.measure(kernel, row.program, row.arguments)
        for name in (row.what, row.against):
            if name not in found:
                raise NotMeasured(f"{row.program} did not time {name}")
        return found[row.what][row.clock], found[row.against][row.clock]

    def least(self, kernel, row):
        """What the ratio of a row is at least, in words."""
        times = self.measure(kernel, row.program, row.arguments)
        if row.limit not in times:
            return ""
        limit, baseline = (statistics.median(times[name][row.clock]) for name in (row.limit, row.against))
        return f" (its {row.limit} alone: {short(limit / baseline)})"


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    return statistics.quantiles(values, n=4, method="inclusive")


def ratio(times, of):
    """Quartiles of the quotients of each repetition by each of the other: their order is random, so none are pairs."""
    return quartiles([a / b for a in times for b in of])


# ------------------------------------------------------------------------------------------------ the table


def short(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}" if x >= 10 else f"{x:.2f}" if x >= 0.1 else f"{x:.2g}"


def duration(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


class Notes:
    """Reasons, numbered."""

    def __init__(self):
        self.reasons = []

    def mark(self, reason):
        if reason not in self.reasons:
            self.reasons.append(reason)
        return f"not measured [{self.reasons.index(reason) + 1}]"

    def lines(self):
        return [f"[{i}] {reason}." for i, reason in enumerate(self.reasons, 1)]


def target_text(row):
    parts = []
    for kernel, limit in row.targets.items():
        faster = f" ({1 / limit:.3g}× as fast)" if limit < 1 else ""
        prefix = "" if kernel in ("avx512", "any") else f"{TITLES[kernel]} "
        parts.append(f"{prefix}≤ {limit:.3g}{faster}")
    if row.targets and set(row.targets) == set(KERNELS):  # the same for all
        parts = parts[:1]
    if row.nanoseconds:
        parts.append(f"time ≤ {row.nanoseconds} ns")
    return ", ".join(parts)


def table(lab, rows):
    """Header and lines of cells, and the notes."""
    notes = Notes()
    header = ["case", "against", "time", *(TITLES[kernel] for kernel in KERNELS), "target", "met"]
    lines = []
    for row in rows:
        cells, verdicts, time = {}, [], ""
        for kernel in KERNELS:
            if row.same_in_all and kernel != lab.kernels[0]:
                cells[kernel] = ""
                continue
            limit = row.targets.get("any" if row.same_in_all else kernel)
            try:
                contender, baseline = lab.times(kernel, row)
            except NotMeasured as reason:
                cells[kernel] = notes.mark(str(reason))
                if limit:
                    verdicts.append((kernel, "not measured"))
                continue
            low, middle, high = ratio(contender, baseline)
            cells[kernel] = f"{short(middle)} ({short(low)}–{short(high)})"
            if limit:
                verdicts.append((kernel, "yes" if middle <= limit else "no" + lab.least(kernel, row)))
            if not time:
                seconds = statistics.median(contender)
                time = duration(seconds)
                if row.nanoseconds:
                    verdicts.append((kernel, "yes" if seconds <= row.nanoseconds * 1e-9 else "no"))
        answers = {answer for _, answer in verdicts}
        met = answers.pop() if len(answers) == 1 else ", ".join(f"{TITLES[k]} {a}" for k, a in verdicts)
        lines.append([row.label, row.baseline, time, *cells.values(), target_text(row), met])
    return header, lines, notes.lines()


def markdown(header, lines):
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    rule = ["-" * width for width in widths]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
                     for line in [header, rule, *lines])


# ------------------------------------------------------------------------------------------------ pictures

# What each curve is called, and its colour, dashes and points: Okabe and Ito's colours, which the colour-blind can tell
# apart, and the rest tells them apart without colour. In the order of the legend.
CURVES = {
    "avx512": ("natgrad, exact (AVX-512)", "#D55E00", 1, 7),
    "avx2": ("natgrad, exact (AVX2)", "#0072B2", 1, 5),
    "portable": ("natgrad, exact (portable)", "#009E73", 1, 9),
    "3 ddot": ("three ddot (OpenBLAS)", "#CC79A7", 3, 8),
    "naive": ("fused naive triple", "#000000", 2, 6),
    "read": ("reading both vectors", "#E69F00", 4, 4),
}


def curves(lab, baselines, points, arguments_of, size_of):
    """{curve: [(x, nanoseconds per element)]}; those of the baselines were measured with the first kernel."""
    found = {}
    for kernel in lab.kernels:
        names = {"exact": kernel} | ({name: name for name in baselines} if kernel == lab.kernels[0] else {})
        for x in points:
            try:
                times = lab.measure(kernel, "gram_bench", arguments_of(x), max(3, lab.repetitions // 3))
            except NotMeasured as reason:
                say(f"not in the picture: {reason}")
                continue
            for name, curve in names.items():
                if name in times:
                    y = statistics.median(times[name]["cpu_time"]) / size_of(x) * 1e9
                    found.setdefault(curve, []).append((x, y))
    return found


def draw(path, title, xlabel, drawn, settings):
    gnuplot = shutil.which("gnuplot")
    if not gnuplot:
        say(f"no {path.name}: gnuplot is not installed")
        return False
    script = [f"set terminal pngcairo size 1100,700 font 'DejaVu Sans,12'\nset output '{path}'",
              f"set title \"{title}\"\nset xlabel \"{xlabel}\"\nset ylabel 'nanoseconds per element'",
              "set logscale xy\nset grid xtics ytics lt 1 lw 1 lc rgb '#cccccc'\nset border 3\nset tics nomirror",
              "set autoscale xfix\nset offsets graph 0, graph 0.02, 0, 0\nset format x '10^{%T}'",
              "set bmargin 7\nset key at screen 0.5, screen 0.01 center bottom Left reverse maxrows 2", settings]
    plots = []
    for curve, (name, colour, dashes, points) in CURVES.items():
        if curve in drawn:
            block, style = f"$curve{len(plots)}", f"lw 2 dt {dashes} pt {points} ps 1.2 lc rgb '{colour}'"
            script.append(f"{block} << end\n" + "\n".join(f"{x} {y}" for x, y in drawn[curve]) + "\nend")
            plots.append(f"{block} with linespoints {style} title '{name}'")
    script.append("plot " + ", \\\n  ".join(plots))
    done = subprocess.run([gnuplot, "-d"], input="\n".join(script), capture_output=True, text=True)
    if done.returncode != 0:
        say(f"no {path.name}: gnuplot: {done.stderr.strip()}")
    return done.returncode == 0


def pictures(lab, folder, big, quick):
    """Markdown that shows them."""
    decades = [10 ** (k / (1 if quick else 3)) for k in range(1 if quick else 3, 23)]
    sizes = [n for n in sorted({round(d) for d in decades} | {big}) if n <= big]
    spreads = [1, 5, 10, 20, 30, 60, 100, 500] if quick else [1, 2, 5, 10, 15, 20, 25, 30, 40, 60, 100, 200, 500]
    shown = []
    by_size = curves(lab, ["3 ddot", "naive", "read"], sizes, lambda n: ("double", "normal", n), lambda n: n)
    if draw(folder / "sizes.png", "Standard normal pairs of doubles, one thread", "n, elements of each vector",
            by_size, ""):
        shown.append("![Time per element of the exact Gram and its baselines against n](sizes.png)")
    by_spread = curves(lab, ["naive"], spreads, lambda k: ("double", f"exponents{k}", big), lambda _: big)
    title = f"Pairs of doubles ±U[1, 2) 2^k, k uniform in −K .. K, n = {number(big)}, one thread"
    if draw(folder / "spreads.png", title, "K, spread of the exponents", by_spread,
            f"set format x '%g'\nset xtics ({', '.join(map(str, spreads))})"):
        shown.append("![Time per element of the exact Gram against the spread of exponents](spreads.png)")
    return shown


# ------------------------------------------------------------------------------------------------ the machine


def output_of(*command):
    try:
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    info = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        info.setdefault(name.strip(), value.strip())
    text = info.get("model name", platform.machine())
    if "cpu family" in info:
        text += f" (family {info['cpu family']}, model {info['model']})"
    return text + (", a virtual machine's" if "hypervisor" in info.get("flags", "").split() else "")


def caches():
    found = []
    for name, variable in (("L1d", "LEVEL1_DCACHE_SIZE"), ("L2", "LEVEL2_CACHE_SIZE"), ("L3", "LEVEL3_CACHE_SIZE")):
        size = output_of("getconf", variable)
        if size.isdigit() and int(size):
            kib = int(size) // 1024
            found.append(f"{name} {kib // 1024} MiB" if kib >= 1024 else f"{name} {kib} KiB")
    return ", ".join(found) + ", as the processor reports them" if found else "not reported"


def flags(build, source):
    """The options that matter of those that a source was compiled with."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].endswith(source):
            wanted, others = ("-O", "-m", "-f", "-std"), ("-fdiag", "-fvis", "-fPIC", "-fpch")
            kept = [word for word in shlex.split(entry["command"])
                    if word.startswith(wanted) and not word.startswith(others)]
            return f"`{' '.join(kept)}`"
    return "not known"


def bandwidth(lab, big):
    try:
        times = lab.measure(lab.kernels[0], "gram_bench", ("double", "normal", big))["read"]["cpu_time"]
    except (NotMeasured, KeyError) as reason:
        return f"not measured: {reason}"
    low, middle, high = quartiles([16 * big / t * 1e-9 for t in times])
    return f"{middle:.1f} GB/s ({low:.1f}–{high:.1f}), one thread reading two vectors of {number(big)} doubles"


def machine(lab, build, big, load):
    memory = Path("/proc/meminfo").read_text().split(None, 2)[1]
    release = output_of("sh", "-c", ". /etc/os-release && echo $PRETTY_NAME")
    revision = output_of("git", "describe", "--always", "--dirty", "--exclude=*")
    lines = {
        "natgrad": lab.context.get("natgrad", "not known") + (f", revision {revision}" if revision else ""),
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "caches": caches(),
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "memory bandwidth": bandwidth(lab, big),
        "system": f"{release}, Linux {platform.release()}",
        "load average": f"{load:.1f} before, {os.getloadavg()[0]:.1f} after; 1 of it is the benchmark's own",
        "compiler": f"{lab.built['compiler']}, buildtype {lab.built['buildtype']}",
        "flags of the library": flags(build, "lib/gram.cpp"),
        "flags of the baselines": flags(build, "bench/baseline.cpp"),
    }
    for name, built in lab.built["peers"].items():
        lines[name] = lab.context.get(name, "built, not run") if built == "built" else built
    return [f"| {name} | {' '.join(text.split())} |" for name, text in lines.items()]


# ------------------------------------------------------------------------------------------------ the report


def method(lab):
    return (
        "Each figure is a time of natgrad divided by the time of what it is compared with: smaller is better, below 1 "
        "natgrad is faster. Both run in the same process on the same data, which begin at cache lines, "
        f"in {lab.repetitions} repetitions of at least {lab.seconds} s each, in random order of all repetitions of all "
        "contenders. The figure is the median of the quotients of every repetition of the one by every repetition of "
        "the other; their quartiles are in parentheses. Times are CPU times of the one thread (elapsed times where two "
        "threads are compared with one), so that other programs on the machine disturb less. A column is a kernel, "
        "forced by `NATGRAD_KERNEL`; where the kernel does not matter, the first that there is was measured. `time` is "
        "the median time of natgrad with the first kernel measured; targets without a name are for AVX-512. Google "
        "Benchmark measures; `bench/baseline.cpp` has the plain loops. Peers are as they are installed, on one thread. "
        "*Its operations alone* are the additions, multiplications, minima and comparisons of a kernel's loop for two "
        "bins, on registers and independent of one another (`bench/operations.cpp`): no exact sum by this method can "
        "be faster on this processor, and where a target is missed, `met` tells how much of it they are.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder, configured with -Dbench=enabled")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller cases, no RESULTS.md")
    options = parser.parse_args()

    build, quick = options.build.resolve(), options.quick
    big = 2_000_000 if quick else 20_000_000
    folder = build / "bench" / "quick" if quick else HERE
    folder.mkdir(exist_ok=True)
    lab, load = Lab(build, quick), os.getloadavg()[0]

    header, lines, notes = table(lab, cases(big, quick))
    text = markdown(header, lines)
    warning = (f"QUICK: {lab.repetitions} short repetitions, n = {number(big)} in place of 2e7 and without its "
               "targets: to see that everything runs, not what it takes.")
    print("\n".join([*([warning, ""] if quick else []), text, "", *notes]), flush=True)

    shown = pictures(lab, folder, big, quick)
    parts = ["# Benchmarks", "", "Written by `./dev bench`; do not edit.", "", *([warning, ""] if quick else []),
             method(lab), "", "| machine | |", "|---|---|", *machine(lab, build, big, load), "", text, ""]
    for line in [*notes, *shown]:
        parts += [line, ""]
    (folder / "RESULTS.md").write_text("\n".join(parts))
    say(f"written: {folder / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
