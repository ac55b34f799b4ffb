// Value and gradient by adjoints derived by hand, on one core: hand GROUP SIZE DIRECTORY -> {"ns":…,"value":…}.
// Numbers are read from the files that the bench has written, so values can be compared.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>
using Numbers = std::vector<double>;

static std::string directory;
static Numbers read(const char* name) {
    std::string path = directory + "/" + name + ".f64";
    FILE* file = fopen(path.c_str(), "rb");
    if (!file) { fprintf(stderr, "%s is not there\n", path.c_str()); exit(2); }
    Numbers numbers;
    double x;
    while (fread(&x, sizeof x, 1, file) == 1) numbers.push_back(x);
    fclose(file);
    return numbers;
}

static double nanoseconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * t.tv_sec + t.tv_nsec;
}

static volatile double sink;
// `run` takes a factor near 1, gives the value and adds what it derives to the sink.
template <class Run> static void bench(Run run) {
    run(1.0), run(1.0 + 1e-9);
    double start = nanoseconds();
    run(1.0);
    double once = std::max(1.0, nanoseconds() - start), all = 0;
    long count = std::max(2L, long(5e6 / once));
    Numbers samples;
    while (samples.size() < 3 || (samples.size() < 15 && all < 7e8)) {
        start = nanoseconds();
        for (long i = 0; i < count; i++) run(i & 1 ? 1.0 : 1.0 + 1e-9);
        double took = nanoseconds() - start;
        all += took;
        samples.push_back(took / count);
    }
    std::sort(samples.begin(), samples.end());
    printf("{\"ns\": %.6g, \"value\": %.17g}\n", samples[samples.size() / 2], run(1.0));
}

static double nbody(const Numbers& x, const Numbers& y, const Numbers& z, double g, Numbers& by) {
    size_t n = x.size();
    by.assign(3 * n, 0);
    double value = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double dx = x[j] - x[i], dy = y[j] - y[i], dz = z[j] - z[i];
            double square = dx * dx + dy * dy + dz * dz + 0.01, pull = g / std::sqrt(square), force = pull / square;
            value -= pull;
            by[i] -= force * dx, by[j] += force * dx;
            by[n + i] -= force * dy, by[n + j] += force * dy;
            by[2 * n + i] -= force * dz, by[2 * n + j] += force * dz;
        }
    sink = by[0];
    return value;
}

static double params(const Numbers& w, const Numbers& x, double s, Numbers& by) {
    by.resize(w.size());
    double value = 0;
    for (size_t i = 0; i < w.size(); i++) {
        double t = s * x[i], e = std::exp(w[i] * t);
        value += x[i] * std::log(1 + e);
        by[i] = x[i] * t * e / (1 + e);
    }
    sink = by[0];
    return value;
}

static double pendulum(long steps, double gl, double c, Numbers& angle, Numbers& speed, Numbers& sine) {
    angle.resize(steps + 1), speed.resize(steps + 1), sine.resize(steps);
    angle[0] = 1.2, speed[0] = 0;
    for (long i = 0; i < steps; i++) {
        sine[i] = std::sin(angle[i]);
        speed[i + 1] = speed[i] + 0.02 * (-gl * sine[i] - c * speed[i]);
        angle[i + 1] = angle[i] + 0.02 * speed[i + 1];
    }
    double by_angle = 1, by_speed = 0, by_gl = 0, by_c = 0;
    for (long i = steps - 1; i >= 0; i--) {
        by_speed += 0.02 * by_angle;
        double pull = 0.02 * by_speed;
        by_gl -= pull * sine[i], by_c -= pull * speed[i];
        by_angle -= pull * gl * std::cos(angle[i]);
        by_speed -= pull * c;
    }
    sink = by_gl + by_c;
    return angle[steps];
}

// The slopes of prey and predators, and their derivatives sent back.
struct Lotka {
    double al, be, de, ga;
    double by_al = 0, by_be = 0, by_de = 0, by_ga = 0;
    double prey(double x, double y) const { return al * x - be * (x * y); }
    double predators(double x, double y) const { return de * (x * y) - ga * y; }
    void back(double x, double y, double by_prey, double by_predators, double& by_x, double& by_y) {
        double xy = x * y, by_xy = de * by_predators - be * by_prey;
        by_al += by_prey * x, by_be -= by_prey * xy;
        by_de += by_predators * xy, by_ga -= by_predators * y;
        by_x = al * by_prey + by_xy * y, by_y = by_xy * x - ga * by_predators;
    }
};

static double lotka(long steps, Lotka of, Numbers& xs, Numbers& ys) {
    const double h = 0.005;
    xs.resize(steps), ys.resize(steps);
    double x = 1, y = 0.5;
    struct Stages { double x[4], y[4], by_x[4], by_y[4]; };
    auto stages = [&](double x, double y, Stages& s) {
        const double ahead[] = {0, h / 2, h / 2, h};
        double kx = 0, ky = 0, sum_x = 0, sum_y = 0;
        for (int at = 0; at < 4; at++) {
            s.x[at] = x + ahead[at] * kx, s.y[at] = y + ahead[at] * ky;
            kx = of.prey(s.x[at], s.y[at]), ky = of.predators(s.x[at], s.y[at]);
            double weight = at == 1 || at == 2 ? 2 : 1;
            sum_x += weight * kx, sum_y += weight * ky;
        }
        s.by_x[0] = x + h / 6 * sum_x, s.by_y[0] = y + h / 6 * sum_y;
    };
    Stages s;
    for (long i = 0; i < steps; i++) {
        xs[i] = x, ys[i] = y;
        stages(x, y, s);
        x = s.by_x[0], y = s.by_y[0];
    }
    double by_x = 1, by_y = 1;
    for (long i = steps - 1; i >= 0; i--) {
        stages(xs[i], ys[i], s);
        const double ahead[] = {h / 2, h / 2, h, 0};
        double from_x = 0, from_y = 0, to_x = by_x, to_y = by_y;
        for (int at = 3; at >= 0; at--) {
            double weight = h / 6 * (at == 1 || at == 2 ? 2 : 1);
            double by_kx = weight * by_x + ahead[at] * from_x, by_ky = weight * by_y + ahead[at] * from_y;
            of.back(s.x[at], s.y[at], by_kx, by_ky, from_x, from_y);
            to_x += from_x, to_y += from_y;
        }
        by_x = to_x, by_y = to_y;
    }
    sink = of.by_al + of.by_be + of.by_de + of.by_ga;
    return x + y;
}

static double kalman(const Numbers& ys, double q, double r, Numbers& xs, Numbers& ps) {
    long n = ys.size();
    xs.resize(n), ps.resize(n);
    double x = 0, p = 1, nll = 0;
    for (long k = 0; k < n; k++) {
        xs[k] = x, ps[k] = p;
        double pp = p + q, s = pp + r, e = ys[k] - x, gain = pp / s;
        x += gain * e, p = (1 - gain) * pp;
        nll += 0.5 * (std::log(s) + e * e / s);
    }
    double by_x = 0, by_p = 0, by_q = 0, by_r = 0;
    for (long k = n - 1; k >= 0; k--) {
        double pp = ps[k] + q, s = pp + r, e = ys[k] - xs[k], gain = pp / s;
        double by_gain = by_x * e - by_p * pp, by_e = by_x * gain + e / s;
        double by_s = 0.5 * (1 / s - e * e / (s * s)) - by_gain * gain / s;
        double by_pp = by_p * (1 - gain) + by_gain / s + by_s;
        by_r += by_s, by_q += by_pp;
        by_x -= by_e, by_p = by_pp;
    }
    sink = by_q + by_r;
    return nll;
}

static double fold(const Numbers& xs, double c0, double c1, double c2) {
    double value = 0, by0 = 0, by1 = 0, by2 = 0;
    for (double x : xs) {
        double e = c0 + x * (c1 + x * c2) - 0.5;
        value += e * e;
        by0 += 2 * e, by1 += 2 * e * x, by2 += 2 * e * x * x;
    }
    sink = by0 + by1 + by2;
    return value;
}

static double trips(const Numbers& x, const Numbers& n, double r, Numbers& states, Numbers& by_x) {
    states.resize(1001), by_x.resize(x.size());
    double value = 0, by_r = 0;
    for (size_t lane = 0; lane < x.size(); lane++) {
        long trips = n[lane];
        double s = states[0] = x[lane];
        for (long i = 0; i < trips; i++) states[i + 1] = s = r * (s * (1 - s));
        value += s * s;
        double by_s = 2 * s;
        for (long i = trips - 1; i >= 0; i--) {
            s = states[i];
            by_r += by_s * (s * (1 - s));
            by_s *= r * (1 - 2 * s);
        }
        by_x[lane] = by_s;
    }
    sink = by_r + by_x[0];
    return value;
}

static double pieces(long count, const Numbers& xs, double a, double b) {
    double value = 0, by_a = 0, by_b = 0;
    for (double x : xs) {
        long piece = (long)(x * count / 10) + 1;
        while (piece > 1 && x < 10.0 * (piece - 1) / count) piece--;
        while (piece < count && !(x < 10.0 * piece / count)) piece++;
        if (piece >= count) {
            value += a * x - b, by_a += x, by_b -= 1;
            continue;
        }
        double part = (double)piece / count, s = x, s_by_b = 0;
        for (int i = 0; i < 8; i++) {
            s_by_b = std::cos(s) * s_by_b + part;
            s = std::sin(s) + b * part;
        }
        value += a * (s + piece), by_a += s + piece, by_b += a * s_by_b;
    }
    sink = by_a + by_b;
    return value;
}

int main(int count, char** given) {
    if (count != 4) return 2;
    std::string group = given[1];
    long size = atol(given[2]);
    directory = given[3];
    Numbers a, b, c;
    if (group == "nbody") {
        Numbers x = read("px"), y = read("py"), z = read("pz");
        bench([&](double f) { return nbody(x, y, z, f, a); });
    } else if (group == "params") {
        Numbers w = read("w"), x = read("x");
        bench([&](double f) { return params(w, x, f, a); });
    } else if (group == "pendulum") {
        bench([&](double f) { return pendulum(size, 9.81 * f, 1e-5, a, b, c); });
    } else if (group == "lotka") {
        bench([&](double f) { return lotka(size, Lotka{1.1 * f, 0.4, 0.1, 0.4}, a, b); });
    } else if (group == "kalman") {
        Numbers ys = read("ys");
        bench([&](double f) { return kalman(ys, 0.05 * f, 0.1, a, b); });
    } else if (group == "fold") {
        Numbers xs = read("xs");
        bench([&](double f) { return fold(xs, 0.3 * f, -1, 0.5); });
    } else if (group == "trips") {
        Numbers x = read("x"), n = read("n");
        bench([&](double f) { return trips(x, n, 3.2 * f, a, b); });
    } else if (group == "pieces") {
        Numbers x = read("x");
        bench([&](double f) { return pieces(size, x, 0.3 * f, 0.2); });
    } else {
        return 3;
    }
}
