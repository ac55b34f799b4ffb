/*
 * The C ABI, called as it is meant to be, and as it is not. Prints what is wrong and where; ends with 0
 * if nothing is, else with 1.
 *
 * Invariants
 * - Every function of the header is called.
 * - A call at fault gives the status that the header says, changes nothing, and leaves a message.
 */
#include "dmci.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int faults = 0;

#define CHECK(what) check((what) ? 1 : 0, #what, __LINE__)
/* The call gives the status, and the error's message holds the words. */
#define FAILS(call, status, words) fails((call), (status), (words), #call, __LINE__)
#define GOES(call) goes((call), #call, __LINE__)

static int same(const char *text, const char *expected)
{
    return text != NULL && strcmp(text, expected) == 0;
}

static void check(int holds, const char *what, int line)
{
    if (!holds) {
        printf("calls.c:%d: %s\n", line, what);
        faults++;
    }
}

static void goes(dmci_status status, const char *what, int line)
{
    check(status == DMCI_OK, what, line);
    if (status != DMCI_OK)
        printf("%s", dmci_last_error_report());
    check(same(dmci_last_error_message(), ""), what, line);
    check(same(dmci_last_error_kind(), ""), what, line);
    check(dmci_last_error_line() == 0 && dmci_last_error_column() == 0, what, line);
}

static void fails(dmci_status status, dmci_status expected, const char *words, const char *what, int line)
{
    check(status == expected, what, line);
    check(dmci_last_error_message()[0] != '\0', what, line);
    if (strstr(dmci_last_error_message(), words) == NULL) {
        check(0, what, line);
        printf("    \"%s\" is not in \"%s\"\n", words, dmci_last_error_message());
    }
    check(strstr(dmci_last_error_report(), dmci_last_error_message()) != NULL, what, line);
    if (expected == DMCI_USAGE)
        check(same(dmci_last_error_kind(), "usage"), what, line);
}

static int close_to(double x, double y)
{
    return fabs(x - y) <= 1e-12 * fabs(y);
}

/* Bytes that are no UTF-8: a lone continuation byte after an `a`. */
static const char NOT_UTF8[] = "a\x80";

static const char DECAY[] = "(* a (exp (* (- b) x)))";

static dmci_interpreter *interpreter = NULL;

static dmci_model *model_of(const char *text)
{
    dmci_model *model = NULL;

    GOES(dmci_model_new(interpreter, text, NULL, DMCI_INTERPRETER, &model));
    return model;
}

static void interpreters(void)
{
    dmci_interpreter *other = (dmci_interpreter *)1;

    CHECK(same(dmci_version(), DMCI_VERSION));
    FAILS(dmci_interpreter_new(NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_interpreter_load("there/is/no/such.ncg", &other), DMCI_REQUEST, "no");
    CHECK(other == NULL);
    FAILS(dmci_interpreter_load(NULL, &other), DMCI_USAGE, "path");
    FAILS(dmci_interpreter_load(NOT_UTF8, &other), DMCI_USAGE, "UTF-8 at byte 2");
    FAILS(dmci_interpreter_load("x.ncg", NULL), DMCI_USAGE, "NULL");
}

static void interpreter_of_a_file(const char *path)
{
    dmci_interpreter *other = NULL;
    dmci_model *model = NULL;
    double value = 0;

    GOES(dmci_interpreter_load(path, &other));
    GOES(dmci_model_new(other, "(+ 1 2)", NULL, DMCI_INTERPRETER, &model));
    /* A model lives without what it was made of. */
    dmci_interpreter_free(other);
    GOES(dmci_value(model, NULL, NULL, &value));
    CHECK(value == 3);
    dmci_model_free(model);
}

static void models(void)
{
    dmci_model *model = (dmci_model *)1;
    dmci_inputs *inputs = NULL;
    double value = 7;

    FAILS(dmci_model_new(NULL, "1", NULL, DMCI_DIRECT, &model), DMCI_USAGE, "interpreter is NULL");
    CHECK(model == NULL);
    FAILS(dmci_model_new(interpreter, NULL, NULL, DMCI_DIRECT, &model), DMCI_USAGE, "program is NULL");
    FAILS(dmci_model_new(interpreter, "1", NULL, 3, &model), DMCI_USAGE, "3 is no mode");
    FAILS(dmci_model_new(interpreter, "1", NULL, -1, &model), DMCI_USAGE, "no mode");
    FAILS(dmci_model_new(interpreter, "1", NULL, DMCI_DIRECT, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_model_new(interpreter, NOT_UTF8, NULL, DMCI_DIRECT, &model), DMCI_USAGE, "UTF-8");

    FAILS(dmci_model_new(interpreter, "(+ 1\n  (let))", NULL, DMCI_DIRECT, &model), DMCI_PROGRAM, "let");
    CHECK(same(dmci_last_error_kind(), "syntax"));
    CHECK(dmci_last_error_line() == 2 && dmci_last_error_column() == 3);
    CHECK(strstr(dmci_last_error_report(), "<program>:2:3 ]") != NULL);
    CHECK(strstr(dmci_last_error_report(), " 2 \xe2\x94\x82   (let))\n") != NULL);
    FAILS(dmci_model_new(interpreter, "(", NULL, DMCI_DIRECT, &model), DMCI_PROGRAM, "");
    FAILS(dmci_model_new(interpreter, "", NULL, DMCI_DIRECT, &model), DMCI_PROGRAM, "");
    CHECK(model == NULL);

    model = model_of("(param k 2.5) (param |a b| 1) (* k x)");
    CHECK(dmci_model_input_count(model) == 3);
    CHECK(same(dmci_model_input_name(model, 0), "k"));
    CHECK(same(dmci_model_input_name(model, 2), "x"));
    CHECK(dmci_model_input_name(model, 3) == NULL);
    CHECK(dmci_model_param_count(model) == 2);
    CHECK(same(dmci_model_param_name(model, 1), "a b"));
    CHECK(dmci_model_param_initial(model, 0) == 2.5);
    CHECK(dmci_model_param_name(model, 2) == NULL && isnan(dmci_model_param_initial(model, (size_t)-1)));
    CHECK(dmci_model_input_count(NULL) == 0 && dmci_model_input_name(NULL, 0) == NULL);
    CHECK(dmci_model_param_count(NULL) == 0 && dmci_model_param_name(NULL, 0) == NULL);
    CHECK(isnan(dmci_model_param_initial(NULL, 0)));
    FAILS(dmci_value(model, NULL, NULL, &value), DMCI_PROGRAM, "x");
    CHECK(same(dmci_last_error_kind(), "unbound"));
    CHECK(value == 7);
    dmci_model_free(model);

    /* Inputs shadow primitives of their names. */
    GOES(dmci_inputs_new(&inputs));
    GOES(dmci_inputs_number(inputs, "exp", 4));
    GOES(dmci_model_new(interpreter, "(+ exp 1)", inputs, DMCI_NESTED, &model));
    GOES(dmci_value(model, inputs, NULL, &value));
    CHECK(value == 5);
    dmci_model_free(model);
    dmci_inputs_free(inputs);
}

static void inputs_of_all_kinds(void)
{
    static const double numbers[] = {1, 2, 3, 4, 5, 6};
    const char *const wrt[] = {"m", "l"};
    dmci_inputs *inputs = NULL;
    dmci_model *model = model_of("(+ (norm (matvec m v)) (apply + l))");
    double value = 0, gradient[9];
    const double *off = (const double *)((const char *)numbers + 1);

    FAILS(dmci_inputs_new(NULL), DMCI_USAGE, "NULL");
    GOES(dmci_inputs_new(&inputs));
    FAILS(dmci_inputs_number(NULL, "x", 1), DMCI_USAGE, "inputs is NULL");
    FAILS(dmci_inputs_number(inputs, NULL, 1), DMCI_USAGE, "name is NULL");
    FAILS(dmci_inputs_number(inputs, NOT_UTF8, 1), DMCI_USAGE, "UTF-8");
    FAILS(dmci_inputs_list(inputs, "l", NULL, 2), DMCI_USAGE, "numbers is NULL");
    FAILS(dmci_inputs_list(inputs, "l", numbers, (size_t)-1), DMCI_USAGE, "more than there can be");
    FAILS(dmci_inputs_list(inputs, "l", off, 1), DMCI_USAGE, "aligned");
    FAILS(dmci_inputs_vector(inputs, "v", numbers, 0), DMCI_USAGE, "a number or more");
    FAILS(dmci_inputs_vector(NULL, "v", numbers, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_inputs_matrix(inputs, "m", numbers, 0, 3), DMCI_USAGE, "a number or more");
    FAILS(dmci_inputs_matrix(inputs, "m", numbers, (size_t)-1, 3), DMCI_USAGE, "larger");
    FAILS(dmci_inputs_matrix(inputs, "m", NULL, 2, 3), DMCI_USAGE, "NULL");
    FAILS(dmci_value(model, inputs, NULL, &value), DMCI_PROGRAM, "");

    GOES(dmci_inputs_matrix(inputs, "m", numbers, 2, 3));
    GOES(dmci_inputs_vector(inputs, "v", numbers, 3));
    GOES(dmci_inputs_list(inputs, "l", numbers, 6));
    GOES(dmci_inputs_list(inputs, "l", NULL, 0));
    GOES(dmci_inputs_list(inputs, "l", numbers, 3));
    /* m v is (14 32). */
    GOES(dmci_value(model, inputs, NULL, &value));
    CHECK(close_to(value, sqrt(14.0 * 14 + 32 * 32) + 6));
    GOES(dmci_value_and_gradient(model, inputs, wrt, 2, NULL, &value, gradient, 9));
    CHECK(close_to(gradient[2], 3 * 14 / (value - 6)));
    CHECK(close_to(gradient[3], 32 / (value - 6)));
    CHECK(gradient[6] == 1 && gradient[8] == 1);
    FAILS(dmci_value_and_gradient(model, inputs, wrt, 2, NULL, &value, gradient, 8), DMCI_USAGE,
          "has length 8, and needs 9");
    FAILS(dmci_value_and_gradient(model, inputs, wrt, 2, NULL, &value, NULL, 9), DMCI_USAGE, "NULL");
    FAILS(dmci_value_and_gradient(model, inputs, wrt, 2, NULL, NULL, gradient, 9), DMCI_USAGE, "NULL");
    FAILS(dmci_value_and_gradient(model, inputs, NULL, 2, NULL, &value, gradient, 9), DMCI_USAGE, "wrt");
    FAILS(dmci_value(NULL, inputs, NULL, &value), DMCI_USAGE, "model is NULL");
    FAILS(dmci_value(model, inputs, NULL, NULL), DMCI_USAGE, "NULL");
    dmci_model_free(model);
    dmci_inputs_free(inputs);
}

static void evaluations(void)
{
    const char *const wrt[] = {"x", "@1:26"}, *const nulls[] = {"x", NULL}, *const bad[] = {NOT_UTF8};
    const char *const unknown[] = {"y"};
    const char *text = NULL;
    dmci_inputs *inputs = NULL;
    dmci_evaluation *evaluation = (dmci_evaluation *)1;
    dmci_model *model = model_of("(list (* x x) (list x (* 2.0 x)))");
    dmci_model *others = model_of("(list #t \"a\" x)");
    double numbers[3] = {0, 0, 0};

    GOES(dmci_inputs_new(&inputs));
    GOES(dmci_inputs_number(inputs, "x", 3));
    GOES(dmci_evaluate(model, inputs, wrt, 2, NULL, &evaluation));
    CHECK(dmci_evaluation_count(evaluation) == 3);
    GOES(dmci_evaluation_numbers(evaluation, numbers, 3));
    CHECK(numbers[0] == 9 && numbers[1] == 3 && numbers[2] == 6);
    CHECK(dmci_evaluation_width(evaluation, "x") == 1);
    GOES(dmci_evaluation_derivatives(evaluation, "x", numbers, 3));
    CHECK(numbers[0] == 6 && numbers[1] == 1 && numbers[2] == 2);
    GOES(dmci_evaluation_derivatives(evaluation, "@1:26", numbers, 3));
    CHECK(numbers[0] == 0 && numbers[1] == 0 && numbers[2] == 3);
    GOES(dmci_evaluation_text(evaluation, &text));
    CHECK(same(text, "(9.0 (3.0 6.0))"));

    FAILS(dmci_evaluation_numbers(evaluation, numbers, 2), DMCI_USAGE, "room for 2 numbers, and there are 3");
    FAILS(dmci_evaluation_numbers(evaluation, NULL, 3), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluation_numbers(NULL, numbers, 3), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluation_derivatives(evaluation, "y", numbers, 3), DMCI_REQUEST, "`y`");
    FAILS(dmci_evaluation_derivatives(evaluation, NULL, numbers, 3), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluation_derivatives(evaluation, "x", numbers, 1), DMCI_USAGE, "room for 1");
    FAILS(dmci_evaluation_derivatives(NULL, "x", numbers, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluation_text(evaluation, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluation_text(NULL, &text), DMCI_USAGE, "NULL");
    CHECK(text == NULL);
    CHECK(dmci_evaluation_width(evaluation, "y") == 0 && dmci_evaluation_width(evaluation, NULL) == 0);
    CHECK(dmci_evaluation_width(NULL, "x") == 0 && dmci_evaluation_count(NULL) == 0);
    dmci_evaluation_free(evaluation);

    FAILS(dmci_evaluate(model, inputs, nulls, 2, NULL, &evaluation), DMCI_USAGE, "number 1 is NULL");
    FAILS(dmci_evaluate(model, inputs, bad, 1, NULL, &evaluation), DMCI_USAGE, "UTF-8");
    FAILS(dmci_evaluate(model, inputs, unknown, 1, NULL, &evaluation), DMCI_REQUEST, "y");
    FAILS(dmci_evaluate(NULL, inputs, wrt, 1, NULL, &evaluation), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluate(model, inputs, wrt, 1, NULL, NULL), DMCI_USAGE, "NULL");
    CHECK(evaluation == NULL);
    FAILS(dmci_value(model, inputs, NULL, numbers), DMCI_REQUEST, "dmci_evaluate");

    /* What holds more than numbers has a text, and no derivatives. */
    GOES(dmci_evaluate(others, inputs, NULL, 0, NULL, &evaluation));
    CHECK(dmci_evaluation_count(evaluation) == 1);
    GOES(dmci_evaluation_text(evaluation, &text));
    CHECK(same(text, "(#t \"a\" 3.0)"));
    dmci_evaluation_free(evaluation);
    FAILS(dmci_evaluate(others, inputs, wrt, 1, NULL, &evaluation), DMCI_PROGRAM, "only numbers");
    dmci_model_free(others);
    dmci_model_free(model);
    dmci_inputs_free(inputs);
}

static void errors_of_programs(void)
{
    dmci_model *model = model_of("(define (f x) (car x))\n(+ 1 (f 2))");
    dmci_model *user = model_of("(error \"too \\x0; much\" 3)");
    double value = 7;

    FAILS(dmci_value(model, NULL, NULL, &value), DMCI_PROGRAM, "`car` of a number");
    CHECK(same(dmci_last_error_kind(), "type"));
    CHECK(dmci_last_error_line() == 1 && dmci_last_error_column() == 15);
    CHECK(strstr(dmci_last_error_report(), " 1 \xe2\x94\x82 (define (f x) (car x))\n") != NULL);
    CHECK(strstr(dmci_last_error_report(), "in `f`, called at 2:6") != NULL);
    CHECK(value == 7);
    /* A NUL in a message does not end it. */
    FAILS(dmci_value(user, NULL, NULL, &value), DMCI_PROGRAM, "much");
    CHECK(same(dmci_last_error_kind(), "user"));
    dmci_model_free(user);
    dmci_model_free(model);
}

static void limits(void)
{
    dmci_limits *limits = NULL;
    dmci_model *forever = model_of("(let go ((i 0)) (go (+ i 1)))");
    dmci_model *deep = model_of("(define (f n) (+ 1 (f n))) (f 1)");
    double value;

    FAILS(dmci_limits_new(NULL), DMCI_USAGE, "NULL");
    GOES(dmci_limits_new(&limits));
    GOES(dmci_limits_fuel(limits, 1000));
    FAILS(dmci_value(forever, NULL, limits, &value), DMCI_PROGRAM, "fuel");
    CHECK(same(dmci_last_error_kind(), "resource"));
    GOES(dmci_limits_fuel(limits, (size_t)-1));
    GOES(dmci_limits_seconds(limits, 0.02));
    FAILS(dmci_value(forever, NULL, limits, &value), DMCI_PROGRAM, "");
    CHECK(same(dmci_last_error_kind(), "resource"));
    GOES(dmci_limits_seconds(limits, INFINITY));
    GOES(dmci_limits_heap(limits, 1 << 20));
    FAILS(dmci_value(deep, NULL, limits, &value), DMCI_PROGRAM, "");
    GOES(dmci_limits_heap(limits, 1 << 30));
    GOES(dmci_limits_depth(limits, 100));
    FAILS(dmci_value(deep, NULL, limits, &value), DMCI_PROGRAM, "");
    CHECK(same(dmci_last_error_kind(), "resource"));
    FAILS(dmci_limits_seconds(limits, -1), DMCI_USAGE, "-1");
    FAILS(dmci_limits_seconds(limits, NAN), DMCI_USAGE, "seconds");
    FAILS(dmci_limits_seconds(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_limits_fuel(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_limits_heap(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_limits_depth(NULL, 1), DMCI_USAGE, "NULL");
    GOES(dmci_limits_trace(limits, 0));
    FAILS(dmci_limits_trace(NULL, 1), DMCI_USAGE, "NULL");
    dmci_limits_free(limits);
    dmci_model_free(deep);
    dmci_model_free(forever);
}

static void evaluators(void)
{
    const char *const varied[] = {"a", "b", "x"}, *const twice[] = {"a", "a"}, *const wrt[] = {"a", "b"};
    double inputs[] = {2, 0.5, 0}, gradient[2] = {0, 0}, value = 0;
    dmci_model *model = model_of(DECAY);
    dmci_evaluator *evaluator = NULL;

    GOES(dmci_evaluator_new(model, NULL, varied, 3, wrt, 2, NULL, &evaluator));
    CHECK(dmci_evaluator_gradient_length(evaluator) == 2 && dmci_evaluator_gradient_length(NULL) == 0);
    GOES(dmci_evaluator_value(evaluator, inputs, 3, &value));
    CHECK(value == 2);
    inputs[2] = 1;
    GOES(dmci_evaluator_value_and_gradient(evaluator, inputs, 3, &value, gradient, 2));
    CHECK(close_to(value, 2 * exp(-0.5)) && close_to(gradient[0], exp(-0.5)) && close_to(gradient[1], -value));
    GOES(dmci_evaluator_threads(evaluator, 1));
    GOES(dmci_evaluator_threads(evaluator, 0));

    FAILS(dmci_evaluator_value(evaluator, inputs, 2, &value), DMCI_USAGE, "has length 2, and needs 3");
    FAILS(dmci_evaluator_value(evaluator, NULL, 3, &value), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_value(evaluator, inputs, 3, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_value(NULL, inputs, 3, &value), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_value_and_gradient(evaluator, inputs, 3, &value, gradient, 3), DMCI_USAGE, "needs 2");
    FAILS(dmci_evaluator_value_and_gradient(evaluator, inputs, 3, &value, NULL, 2), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_value_and_gradient(NULL, inputs, 3, &value, gradient, 2), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_threads(NULL, 1), DMCI_USAGE, "NULL");
    dmci_evaluator_free(evaluator);

    FAILS(dmci_evaluator_new(model, NULL, twice, 2, wrt, 1, NULL, &evaluator), DMCI_REQUEST, "varies twice");
    CHECK(evaluator == NULL);
    FAILS(dmci_evaluator_new(NULL, NULL, varied, 3, wrt, 2, NULL, &evaluator), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_new(model, NULL, NULL, 3, wrt, 2, NULL, &evaluator), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_new(model, NULL, varied, 3, twice + 2, (size_t)-1 / 4, NULL, &evaluator), DMCI_USAGE,
          "more than there can be");
    FAILS(dmci_evaluator_new(model, NULL, varied, 3, wrt, 2, NULL, NULL), DMCI_USAGE, "NULL");
    dmci_model_free(model);
}

enum { LANES = 100 };

static void lanes(void)
{
    const char *const varied[] = {"a", "x"}, *const wrt[] = {"a", "x"};
    static double x[LANES], values[LANES], gradients[2 * LANES];
    static dmci_status statuses[LANES];
    dmci_lane inputs[2];
    dmci_model *model = model_of("(if (= x 7) (car x) (* a x))");
    dmci_evaluator *evaluator = NULL;
    double sum = 0, gradient[2];
    int lane;

    GOES(dmci_evaluator_new(model, NULL, varied, 2, wrt, 2, NULL, &evaluator));
    for (lane = 0; lane < LANES; lane++)
        x[lane] = lane + 8;
    inputs[0].each = NULL;
    inputs[0].shared = 3;
    inputs[1].each = x;
    inputs[1].shared = 0;
    GOES(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, gradients, 2 * LANES, NULL));
    for (lane = 0; lane < LANES; lane++)
        CHECK(values[lane] == 3 * x[lane] && gradients[lane] == x[lane] && gradients[LANES + lane] == 3);
    GOES(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, NULL, 0, statuses));
    CHECK(statuses[0] == DMCI_OK && statuses[LANES - 1] == DMCI_OK);
    GOES(dmci_evaluator_lanes(evaluator, inputs, 2, 0, NULL, NULL, 0, NULL));
    GOES(dmci_evaluator_sum(evaluator, inputs, 2, LANES, &sum, gradient, 2));
    CHECK(sum == 3 * 5750.0 && gradient[0] == 5750.0 && gradient[1] == 3 * LANES);
    GOES(dmci_evaluator_sum(evaluator, inputs, 2, LANES, &sum, NULL, 0));

    /* Two lanes fail; the others do not care. */
    x[40] = x[90] = 7;
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, gradients, 2 * LANES, statuses), DMCI_PROGRAM,
          "`car` of a number");
    CHECK(dmci_last_error_column() == 13);
    for (lane = 0; lane < LANES; lane++) {
        if (lane == 40 || lane == 90)
            CHECK(statuses[lane] == DMCI_PROGRAM && isnan(values[lane]) && isnan(gradients[LANES + lane]));
        else
            CHECK(statuses[lane] == DMCI_OK && values[lane] == 3 * x[lane] && gradients[lane] == x[lane]);
    }
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, NULL, 0, statuses), DMCI_PROGRAM, "car");
    CHECK(statuses[90] == DMCI_PROGRAM && isnan(values[90]) && values[91] == 3 * x[91]);
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, NULL, 0, NULL), DMCI_PROGRAM, "car");
    FAILS(dmci_evaluator_sum(evaluator, inputs, 2, LANES, &sum, gradient, 2), DMCI_PROGRAM, "car");

    FAILS(dmci_evaluator_lanes(evaluator, inputs, 1, LANES, values, NULL, 0, NULL), DMCI_USAGE, "needs 2");
    FAILS(dmci_evaluator_lanes(evaluator, NULL, 2, LANES, values, NULL, 0, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, NULL, NULL, 0, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, gradients, LANES, NULL), DMCI_USAGE,
          "has length 100, and needs 200");
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, LANES, values, NULL, 2 * LANES, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_lanes(evaluator, inputs, 2, (size_t)-1, values, NULL, 0, NULL), DMCI_USAGE,
          "more than there can be");
    FAILS(dmci_evaluator_lanes(NULL, inputs, 2, LANES, values, NULL, 0, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_sum(evaluator, inputs, 2, LANES, NULL, gradient, 2), DMCI_USAGE, "NULL");
    FAILS(dmci_evaluator_sum(evaluator, inputs, 2, LANES, &sum, gradient, 1), DMCI_USAGE, "needs 2");
    inputs[1].each = NULL;
    FAILS(dmci_evaluator_sum(evaluator, inputs, 2, LANES, &sum, gradient, 2), DMCI_REQUEST, "each lane");
    dmci_evaluator_free(evaluator);
    dmci_model_free(model);
}

static void fits(void)
{
    static const char LINE[] = "(param k 1.0) (observe y (+ c (* k t)))";
    static const double t[] = {0, 1, 2, 3, 4}, y[] = {1, 3.1, 4.9, 7.1, 8.9};
    const char *const names[] = {"t", "y"}, *const alike[] = {"t", "t"};
    const double *const columns[] = {t, y}, *const nulls[] = {t, NULL};
    double with_nan[] = {0, 1, 2, 3, 4}, estimate = 0, std_err = 0, low = 0, high = 0;
    const double *const holes[] = {with_nan, y};
    const char *name = NULL;
    dmci_fit_options *options = NULL;
    dmci_limits *limits = NULL;
    dmci_fit *fit = (dmci_fit *)1;

    FAILS(dmci_fit_options_new(NULL), DMCI_USAGE, "NULL");
    GOES(dmci_fit_options_new(&options));
    GOES(dmci_limits_new(&limits));
    GOES(dmci_fit_options_starts(options, 4));
    GOES(dmci_fit_options_all_starts(options, 1));
    GOES(dmci_fit_options_seed(options, 7));
    GOES(dmci_fit_options_steps(options, 100));
    GOES(dmci_fit_options_mode(options, DMCI_DIRECT));
    GOES(dmci_fit_options_threads(options, 1));
    GOES(dmci_fit_options_limits(options, limits));
    FAILS(dmci_fit_new(interpreter, LINE, names, columns, 2, 5, options, &fit), DMCI_PROGRAM, "`c`");
    CHECK(fit == NULL);
    GOES(dmci_fit_options_initial(options, "c", 100));
    GOES(dmci_fit_options_initial(options, "c", 0.5));
    GOES(dmci_fit_new(interpreter, LINE, names, columns, 2, 5, options, &fit));
    CHECK(dmci_fit_param_count(fit) == 2);
    GOES(dmci_fit_param(fit, 0, &name, &estimate, &std_err, &low, &high));
    CHECK(same(name, "k") && fabs(estimate - 1.98) < 1e-9 && low < 1.98 && 1.98 < high && std_err > 0);
    GOES(dmci_fit_param(fit, 1, NULL, &estimate, NULL, NULL, NULL));
    CHECK(fabs(estimate - 1.04) < 1e-9);
    CHECK(fabs(dmci_fit_sse(fit) - 0.036) < 1e-9);
    CHECK(close_to(dmci_fit_residual_sd(fit) * dmci_fit_residual_sd(fit) * 3, dmci_fit_sse(fit)));
    CHECK(dmci_fit_degrees_of_freedom(fit) == 3 && dmci_fit_starts(fit) == 4 && dmci_fit_agree(fit) == 4);
    CHECK(dmci_fit_converged(fit) == 1);
    CHECK(!dmci_fit_is_undetermined(fit, 0) && !dmci_fit_is_at_edge(fit, 0) && !dmci_fit_is_at_edge(fit, 9));
    FAILS(dmci_fit_param(fit, 2, NULL, NULL, NULL, NULL, NULL), DMCI_USAGE, "param 2 of 2");
    FAILS(dmci_fit_param(NULL, 0, &name, NULL, NULL, NULL, NULL), DMCI_USAGE, "NULL");
    dmci_fit_free(fit);

    GOES(dmci_fit_new(interpreter, "(param k 0.5 (< 1)) (observe y (+ c (* k t)))", names, columns, 2, 5, options,
                      &fit));
    CHECK(dmci_fit_is_at_edge(fit, 0) == 1 && dmci_fit_is_at_edge(fit, 1) == 0);
    dmci_fit_free(fit);

    /* `target` names the column that the value predicts; a constant that does nothing is not determined. */
    GOES(dmci_fit_options_target(options, "y"));
    GOES(dmci_fit_new(interpreter, "(param dead 1.0) (+ c (* 2 t))", names, columns, 2, 5, options, &fit));
    CHECK(dmci_fit_is_undetermined(fit, 0) == 1 && dmci_fit_is_undetermined(fit, 1) == 0);
    dmci_fit_free(fit);
    FAILS(dmci_fit_new(interpreter, LINE, names, columns, 2, 5, options, &fit), DMCI_REQUEST, "predicts");
    CHECK(dmci_last_error_line() == 1 && dmci_last_error_column() == 15);
    dmci_fit_options_free(options);
    dmci_limits_free(limits);

    FAILS(dmci_fit_new(NULL, LINE, names, columns, 2, 5, NULL, &fit), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_new(interpreter, NULL, names, columns, 2, 5, NULL, &fit), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_new(interpreter, LINE, NULL, columns, 2, 5, NULL, &fit), DMCI_USAGE, "names is NULL");
    FAILS(dmci_fit_new(interpreter, LINE, names, NULL, 2, 5, NULL, &fit), DMCI_USAGE, "columns is NULL");
    FAILS(dmci_fit_new(interpreter, LINE, names, nulls, 2, 5, NULL, &fit), DMCI_USAGE, "column 1 is NULL");
    FAILS(dmci_fit_new(interpreter, LINE, names, columns, 2, 5, NULL, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_new(interpreter, LINE, alike, columns, 2, 5, NULL, &fit), DMCI_REQUEST, "`t`");
    FAILS(dmci_fit_new(interpreter, LINE, names, columns, 2, 0, NULL, &fit), DMCI_REQUEST, "");
    FAILS(dmci_fit_new(interpreter, LINE, names, columns, 0, 5, NULL, &fit), DMCI_REQUEST, "");
    with_nan[2] = NAN;
    FAILS(dmci_fit_new(interpreter, "(param k 1.0) (observe y (* k t))", names, holes, 2, 5, NULL, &fit), DMCI_REQUEST,
          "`t`");
    FAILS(dmci_fit_options_starts(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_all_starts(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_seed(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_steps(NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_initial(NULL, "c", 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_target(NULL, "y"), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_mode(NULL, 0), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_limits(NULL, NULL), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_threads(NULL, 1), DMCI_USAGE, "NULL");
    GOES(dmci_fit_options_new(&options));
    FAILS(dmci_fit_options_starts(options, 0), DMCI_USAGE, "starts");
    FAILS(dmci_fit_options_steps(options, 0), DMCI_USAGE, "steps");
    FAILS(dmci_fit_options_mode(options, 9), DMCI_USAGE, "no mode");
    FAILS(dmci_fit_options_initial(options, NULL, 1), DMCI_USAGE, "NULL");
    FAILS(dmci_fit_options_target(options, NOT_UTF8), DMCI_USAGE, "UTF-8");
    GOES(dmci_fit_options_limits(options, NULL));
    dmci_fit_options_free(options);
    CHECK(dmci_fit_param_count(NULL) == 0 && isnan(dmci_fit_sse(NULL)) && isnan(dmci_fit_residual_sd(NULL)));
    CHECK(dmci_fit_degrees_of_freedom(NULL) == 0 && dmci_fit_converged(NULL) == 0);
    CHECK(dmci_fit_starts(NULL) == 0 && dmci_fit_agree(NULL) == 0);
    CHECK(dmci_fit_is_undetermined(NULL, 0) == 0 && dmci_fit_is_at_edge(NULL, 0) == 0);
}

static void free_nothing(void)
{
    dmci_interpreter_free(NULL);
    dmci_inputs_free(NULL);
    dmci_limits_free(NULL);
    dmci_model_free(NULL);
    dmci_evaluation_free(NULL);
    dmci_evaluator_free(NULL);
    dmci_fit_options_free(NULL);
    dmci_fit_free(NULL);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    CHECK(same(dmci_last_error_message(), ""));
    interpreters();
    GOES(dmci_interpreter_new(&interpreter));
    if (argc > 1)
        interpreter_of_a_file(argv[1]);
    models();
    inputs_of_all_kinds();
    evaluations();
    errors_of_programs();
    limits();
    evaluators();
    lanes();
    fits();
    free_nothing();
    dmci_interpreter_free(interpreter);
    return faults == 0 ? 0 : 1;
}
