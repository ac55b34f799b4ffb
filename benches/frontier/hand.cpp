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
    } else if (group == "kalman") {
        Numbers ys = read("ys");
        bench([&](double f) { return kalman(ys, 0.05 * f, 0.1, a, b); });
    } else if (group == "fold") {
        Numbers xs = read("xs");
        bench([&](double f) { return fold(xs, 0.3 * f, -1, 0.5); });
    } else if (group == "trips") {
        Numbers x = read("x"), n = read("n");
        bench([&](double f) { return trips(x, n, 3.2 * f, a, b); });
    } else {
        return 3;
    }
}
