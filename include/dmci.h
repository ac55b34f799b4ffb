/*
 * dmci.h: programs in, exact gradients of their constants out, from C and C++.
 *
 * A program is text in a small Scheme. An interpreter makes a model of it, once; a model gives values
 * and exact derivatives for any numbers, one set or many lanes at a time, and its params are fitted to
 * data. What the language is, and what is differentiated, is said in src/docs/language.md and
 * src/docs/gradients.md.
 *
 *     dmci_interpreter *interpreter = NULL;
 *     dmci_model *model = NULL;
 *     dmci_inputs *inputs = NULL;
 *     const char *wrt[] = {"a", "b"};
 *     double value, gradient[2];
 *
 *     if (dmci_interpreter_new(&interpreter) != DMCI_OK ||
 *         dmci_model_new(interpreter, "(* a (exp (* (- b) x)))", NULL, DMCI_INTERPRETER, &model) != DMCI_OK ||
 *         dmci_inputs_new(&inputs) != DMCI_OK ||
 *         dmci_inputs_number(inputs, "a", 2.5) != DMCI_OK ||
 *         dmci_inputs_number(inputs, "b", 0.8) != DMCI_OK ||
 *         dmci_inputs_number(inputs, "x", 1.5) != DMCI_OK ||
 *         dmci_value_and_gradient(model, inputs, wrt, 2, NULL, &value, gradient, 2) != DMCI_OK)
 *         fputs(dmci_last_error_report(), stderr);
 *     else
 *         printf("%g, %g by a, %g by b\n", value, gradient[0], gradient[1]);
 *     dmci_inputs_free(inputs);
 *     dmci_model_free(model);
 *     dmci_interpreter_free(interpreter);
 *
 * Conventions
 * - Calls give a dmci_status: DMCI_OK, which is 0, or why not. What went wrong is then told by
 *   dmci_last_error_message() and its like, for each thread its own last call's. Calls that only look
 *   something up, and say so, give it directly, and 0, NaN or NULL where there is nothing.
 * - Handles are made by the functions called ..._new and by those whose last argument is the address
 *   of a handle; that becomes NULL where they fail. Whoever made a handle frees it, once, with the
 *   function called ..._free, which takes NULL too. Handles may be freed in any order: what a handle
 *   was made of need not outlive it.
 * - A NULL where something is needed, a wrong length, a mode that is none and text that is not UTF-8
 *   are errors, DMCI_USAGE, and nothing happens. A pointer to what is no longer there, and a length
 *   that is longer than what it measures, cannot be seen from inside: they do what they do in C.
 * - Text ends in a NUL and is UTF-8, in both directions. Text that a function gives belongs to the
 *   library: that of a handle lives as long as the handle, that of the last error until the thread's
 *   next call.
 * - Numbers are doubles; counts and lengths are of numbers, names or rows, never of bytes. Matrices
 *   are row by row. What is written to must not overlap with what is read in the same call.
 * - Threads: several may use an interpreter, a model, inputs, limits or results at the same time, as
 *   long as none changes or frees them. An evaluator is for one thread at a time.
 * - Failures inside the library are caught, and given as DMCI_INTERNAL; only when the system has no
 *   memory left does the process end.
 * - Values and derivatives have the same bits as those of the Rust library and of the command line.
 */
#ifndef DMCI_H
#define DMCI_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version that this header belongs to; dmci_version() is that of the library. */
#define DMCI_VERSION "0.1.0"

/* ---- status and errors ------------------------------------------------------------------------ */

/* How a call ended. */
typedef int dmci_status;

enum {
    DMCI_OK = 0,
    /* The program is at fault: it cannot be read, it failed, or it met a limit. */
    DMCI_PROGRAM = 1,
    /* What is asked for does not fit the program, or the data or a file are at fault. */
    DMCI_REQUEST = 2,
    /* The library was called wrongly: a NULL, a wrong length, text that is not UTF-8. */
    DMCI_USAGE = 3,
    /* The library failed, which is its own fault: please report it. */
    DMCI_INTERNAL = 4
};

/* The library's version. Looks up. */
const char *dmci_version(void);

/*
 * What went wrong in this thread's last call that gives a status; "" and 0 if it went well. They look
 * up.
 */

/* What, in a sentence. */
const char *dmci_last_error_message(void);

/*
 * Of what kind: "syntax", "unsupported", "unbound", "arity", "type", "not-a-function", "index",
 * "shape", "user" (the program's own error), "resource" (a limit), "request", "usage" or "internal".
 */
const char *dmci_last_error_kind(void);

/* Line and column in the program's text, from 1; 0 where the error has no place in it. */
size_t dmci_last_error_line(void);
size_t dmci_last_error_column(void);

/* All of it for people, in lines: what, the line of the program with a mark, the calls under way. */
const char *dmci_last_error_report(void);

/* ---- the interpreter -------------------------------------------------------------------------- */

typedef struct dmci_interpreter dmci_interpreter;

/* The interpreter that the library comes with. Takes about 0.15 ms: make one and keep it. */
dmci_status dmci_interpreter_new(dmci_interpreter **interpreter);

/* The interpreter of a file, as `dmci compile --interpreter` writes it. */
dmci_status dmci_interpreter_load(const char *path, dmci_interpreter **interpreter);

void dmci_interpreter_free(dmci_interpreter *interpreter);

/* ---- inputs ----------------------------------------------------------------------------------- */

/* What names are bound to. */
typedef struct dmci_inputs dmci_inputs;

dmci_status dmci_inputs_new(dmci_inputs **inputs);

/* They bind a name in place of what it was bound to, and copy the numbers. */

dmci_status dmci_inputs_number(dmci_inputs *inputs, const char *name, double number);

/* A list of so many numbers, which may be none. */
dmci_status dmci_inputs_list(dmci_inputs *inputs, const char *name, const double *numbers, size_t count);

/* A vector of so many numbers, one or more. */
dmci_status dmci_inputs_vector(dmci_inputs *inputs, const char *name, const double *numbers, size_t count);

/* A matrix of rows times columns numbers, one or more, row by row. */
dmci_status dmci_inputs_matrix(dmci_inputs *inputs, const char *name, const double *numbers, size_t rows,
                               size_t columns);

void dmci_inputs_free(dmci_inputs *inputs);

/* ---- limits ----------------------------------------------------------------------------------- */

/* How far an evaluation may go. Where limits are asked for, NULL stands for those of a new handle. */
typedef struct dmci_limits dmci_limits;

dmci_status dmci_limits_new(dmci_limits **limits);

/* The most applications of procedures, and what weighs as much; 10^9 at first. */
dmci_status dmci_limits_fuel(dmci_limits *limits, size_t applications);

/* The most bytes that an evaluation takes at once; 2^30 at first. */
dmci_status dmci_limits_heap(dmci_limits *limits, size_t bytes);

/* The most procedures entered and not yet left; 10^8 at first. */
dmci_status dmci_limits_depth(dmci_limits *limits, size_t procedures);

/* The most bytes of recorded runs that a model keeps; 2^28 at first. */
dmci_status dmci_limits_trace(dmci_limits *limits, size_t bytes);

/*
 * The most seconds, from the call that is given the limits; an evaluator's count from when it is made.
 * None at first, and where they are infinite.
 */
dmci_status dmci_limits_seconds(dmci_limits *limits, double seconds);

void dmci_limits_free(dmci_limits *limits);

/* ---- models ----------------------------------------------------------------------------------- */

/* A program prepared once. */
typedef struct dmci_model dmci_model;

/* How a program is run; values and derivatives have the same bits. */
enum {
    /* By the compiled evaluator, as data: nothing is compiled for it. */
    DMCI_INTERPRETER = 0,
    /* Compiled to a graph of its own. */
    DMCI_DIRECT = 1,
    /* By the evaluator, run by the compiled evaluator. */
    DMCI_NESTED = 2
};

/*
 * Prepares a program. Its inputs are its params and free names. With inputs that are not NULL their
 * names are inputs as well, and shadow the primitives and forms of the same names; what they are bound
 * to does not matter here.
 */
dmci_status dmci_model_new(const dmci_interpreter *interpreter, const char *text, const dmci_inputs *inputs,
                           int mode, dmci_model **model);

/* The inputs, params among them: how many, and their names by index, from 0. They look up. */
size_t dmci_model_input_count(const dmci_model *model);
const char *dmci_model_input_name(const dmci_model *model, size_t index);

/* The params: how many, their names by index, from 0, and their initial values. They look up. */
size_t dmci_model_param_count(const dmci_model *model);
const char *dmci_model_param_name(const dmci_model *model, size_t index);
double dmci_model_param_initial(const dmci_model *model, size_t index);

void dmci_model_free(dmci_model *model);

/* ---- one evaluation --------------------------------------------------------------------------- */

/*
 * In all of them NULL for the inputs stands for none: params have initial values. Names of wrt are
 * inputs, params, or float literals by their places, "@line:column".
 */

/* The value of a program that gives a number. */
dmci_status dmci_value(const dmci_model *model, const dmci_inputs *inputs, const dmci_limits *limits,
                       double *value);

/*
 * The value of a program that gives a number, and its derivatives by each name of wrt in turn: one for
 * a number, as many as it has numbers for a list, vector or matrix. The length of the gradient is how
 * many there are in all.
 */
dmci_status dmci_value_and_gradient(const dmci_model *model, const dmci_inputs *inputs, const char *const *wrt,
                                    size_t wrt_count, const dmci_limits *limits, double *value, double *gradient,
                                    size_t gradient_length);

/* A value of any kind, with its derivatives. */
typedef struct dmci_evaluation dmci_evaluation;

/* Evaluates, and differentiates if there are names in wrt; the value must hold nothing but numbers then. */
dmci_status dmci_evaluate(const dmci_model *model, const dmci_inputs *inputs, const char *const *wrt,
                          size_t wrt_count, const dmci_limits *limits, dmci_evaluation **evaluation);

/* How many numbers the value holds, in lists, vectors and matrices too. Looks up. */
size_t dmci_evaluation_count(const dmci_evaluation *evaluation);

/* Writes them in order; the capacity, how many there is room for, is their count or more. */
dmci_status dmci_evaluation_numbers(const dmci_evaluation *evaluation, double *numbers, size_t capacity);

/* How many numbers the input called `name` holds, which is how many columns its derivatives have; 0 for
   a name that was not in wrt. Looks up. */
size_t dmci_evaluation_width(const dmci_evaluation *evaluation, const char *name);

/*
 * Writes the derivatives by a name of wrt, row by row: a row for each number of the value, a column for
 * each number of the input. The capacity is count times width or more.
 */
dmci_status dmci_evaluation_derivatives(const dmci_evaluation *evaluation, const char *name, double *derivatives,
                                        size_t capacity);

/* The value as Scheme writes it: "(1.0 #t (a . \"b\"))". */
dmci_status dmci_evaluation_text(const dmci_evaluation *evaluation, const char **text);

void dmci_evaluation_free(dmci_evaluation *evaluation);

/* ---- many evaluations ------------------------------------------------------------------------- */

/* One model, whose value is a number, at many values of some of its inputs: for loops and batches. */
typedef struct dmci_evaluator dmci_evaluator;

/*
 * Prepares evaluations at many values of the inputs called `varied`, which are numbers; all others are
 * as in `fixed`, which may be NULL. Derivatives are by the names of wrt.
 */
dmci_status dmci_evaluator_new(const dmci_model *model, const dmci_inputs *fixed, const char *const *varied,
                               size_t varied_count, const char *const *wrt, size_t wrt_count,
                               const dmci_limits *limits, dmci_evaluator **evaluator);

/* How many numbers a gradient has: one for each name of wrt that is a number, and so on. Looks up. */
size_t dmci_evaluator_gradient_length(const dmci_evaluator *evaluator);

/* How many threads share the work of lanes; 0, as at first, is all that the machine has. */
dmci_status dmci_evaluator_threads(dmci_evaluator *evaluator, size_t threads);

/* The value at one number for each varied name, in their order. */
dmci_status dmci_evaluator_value(dmci_evaluator *evaluator, const double *inputs, size_t inputs_count,
                                 double *value);

/* The same and the gradient. */
dmci_status dmci_evaluator_value_and_gradient(dmci_evaluator *evaluator, const double *inputs,
                                              size_t inputs_count, double *value, double *gradient,
                                              size_t gradient_length);

/* What a varied input is in many lanes: a number for each, or, where `each` is NULL, `shared`. */
typedef struct dmci_lane {
    const double *each;
    double shared;
} dmci_lane;

/*
 * The values of many lanes, and their gradients in columns: the derivatives of all lanes by the first
 * number of the gradient, then by the next. The columns have `lanes` numbers, and the gradients lanes
 * times the length of a gradient; or they are NULL, of length 0, if there are to be none.
 *
 * Where lanes fail, the call gives the status and the error of the first that does. With NULL for the
 * statuses that is the end of it. Otherwise they take the status of each lane, the other lanes are
 * evaluated all the same, and those that fail have NaN for their values and derivatives.
 */
dmci_status dmci_evaluator_lanes(dmci_evaluator *evaluator, const dmci_lane *inputs, size_t inputs_count,
                                 size_t lanes, double *values, double *gradients, size_t gradients_length,
                                 dmci_status *statuses);

/*
 * The sum of all lanes' values, and its gradient, or NULL and length 0: a loss over data. An input at
 * least has a number for each lane. The sum has the same bits on any number of threads.
 */
dmci_status dmci_evaluator_sum(dmci_evaluator *evaluator, const dmci_lane *inputs, size_t inputs_count,
                               size_t lanes, double *sum, double *gradient, size_t gradient_length);

void dmci_evaluator_free(dmci_evaluator *evaluator);

/* ---- fits ------------------------------------------------------------------------------------- */

/* How to fit. Where options are asked for, NULL stands for those of a new handle. */
typedef struct dmci_fit_options dmci_fit_options;

dmci_status dmci_fit_options_new(dmci_fit_options **options);

/* How many starting points to fit from, 1 or more. */
dmci_status dmci_fit_options_starts(dmci_fit_options *options, size_t starts);

/* Whether every start is run to its end, though others are far ahead; 0, as at first, for no. */
dmci_status dmci_fit_options_all_starts(dmci_fit_options *options, int all_starts);

/* The seed of the starting points; the same seed gives the same fit, to the bit. */
dmci_status dmci_fit_options_seed(dmci_fit_options *options, size_t seed);

/* The most steps from one starting point, 1 or more. */
dmci_status dmci_fit_options_steps(dmci_fit_options *options, size_t steps);

/* Where a param starts in place of its own initial value, or a free name, which is then fitted too. */
dmci_status dmci_fit_options_initial(dmci_fit_options *options, const char *name, double value);

/* The column that the value predicts, row by row, of a program that observes nothing itself. */
dmci_status dmci_fit_options_target(dmci_fit_options *options, const char *column);

/* How the program is run. */
dmci_status dmci_fit_options_mode(dmci_fit_options *options, int mode);

/* The limits of each evaluation, which are copied. */
dmci_status dmci_fit_options_limits(dmci_fit_options *options, const dmci_limits *limits);

/* How many threads share the work; 0, as at first, is all that the machine has. */
dmci_status dmci_fit_options_threads(dmci_fit_options *options, size_t threads);

void dmci_fit_options_free(dmci_fit_options *options);

/* The result of a fit. */
typedef struct dmci_fit dmci_fit;

/*
 * Fits the params of a program to a table of named columns of finite numbers, all of so many rows. The
 * program says what it predicts, with `observe`, `observe-series` or the options' target.
 */
dmci_status dmci_fit_new(const dmci_interpreter *interpreter, const char *text, const char *const *names,
                         const double *const *columns, size_t columns_count, size_t rows,
                         const dmci_fit_options *options, dmci_fit **fit);

/* How many params were fitted. Looks up. */
size_t dmci_fit_param_count(const dmci_fit *fit);

/*
 * A param by index, from 0: its name, estimate, standard error, and 95 % interval. What is NULL is not
 * told.
 */
dmci_status dmci_fit_param(const dmci_fit *fit, size_t index, const char **name, double *estimate,
                           double *std_err, double *low, double *high);

/* Whether the data do not determine a param. Looks up. */
int dmci_fit_is_undetermined(const dmci_fit *fit, size_t index);

/* Whether a param ended at an edge of its range: the minimum may be beyond it. Looks up. */
int dmci_fit_is_at_edge(const dmci_fit *fit, size_t index);

/* The sum of squared residuals, and their standard deviation. They look up. */
double dmci_fit_sse(const dmci_fit *fit);
double dmci_fit_residual_sd(const dmci_fit *fit);

/* Residuals minus params. Looks up. */
size_t dmci_fit_degrees_of_freedom(const dmci_fit *fit);

/* Whether the best start converged. Looks up. */
int dmci_fit_converged(const dmci_fit *fit);

/* How many starts were made, and how many of them found this minimum. They look up. */
size_t dmci_fit_starts(const dmci_fit *fit);
size_t dmci_fit_agree(const dmci_fit *fit);

void dmci_fit_free(dmci_fit *fit);

#ifdef __cplusplus
}
#endif

#endif
