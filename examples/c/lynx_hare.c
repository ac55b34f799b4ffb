/*
 * Fits Lotka and Volterra's six constants to the pelts of lynx and hare, 1900 to 1920, from C.
 *
 * The model is examples/lynx_hare/model.scm, or the file that is given; the estimates are printed as
 * `dmci fit examples/lynx_hare/model.scm examples/lynx_hare/pelts.csv` prints them.
 */
#include "dmci.h"

#include <stdio.h>
#include <stdlib.h>

enum { YEARS = 21 };

static const double HARE[YEARS] = {30,   47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22,   25.4, 27.1,
                                   40.3, 57,   76.6, 52.3, 19.5, 11.2, 7.6,  14.6, 16.2, 24.7};
static const double LYNX[YEARS] = {4, 6.1,  9.8,  35.2, 59.4, 41.7, 19,   13,  8.3,  9.1, 7.4,
                                   8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6};

/* The text of a file, to be freed; NULL if it cannot be read. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t length = 0, room = 0;

    while (file != NULL) {
        char *larger;

        if (length + 1 >= room) {
            room = room == 0 ? 4096 : 2 * room;
            larger = realloc(text, room);
            if (larger == NULL)
                break;
            text = larger;
        }
        length += fread(text + length, 1, room - length - 1, file);
        text[length] = '\0';
        if (feof(file)) {
            fclose(file);
            return text;
        }
        if (ferror(file))
            break;
    }
    if (file != NULL)
        fclose(file);
    free(text);
    return NULL;
}

static void print(const dmci_fit *fit)
{
    size_t index;

    printf("%-9s %12s %12s %12s %12s\n", "param", "estimate", "std. error", "95 % from", "to");
    for (index = 0; index < dmci_fit_param_count(fit); index++) {
        const char *name;
        double estimate, std_err, low, high;

        if (dmci_fit_param(fit, index, &name, &estimate, &std_err, &low, &high) == DMCI_OK)
            printf("%-9s %12.6g %12.3g %12.6g %12.6g\n", name, estimate, std_err, low, high);
    }
    printf("\nsum of squares     %.8g\n", dmci_fit_sse(fit));
    printf("residual sd        %.5g\n", dmci_fit_residual_sd(fit));
    printf("degrees of freedom %lu\n", (unsigned long)dmci_fit_degrees_of_freedom(fit));
    printf("starts that agree  %lu of %lu\n", (unsigned long)dmci_fit_agree(fit),
           (unsigned long)dmci_fit_starts(fit));
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : MODEL;
    const char *const names[] = {"hare", "lynx"};
    const double *const columns[] = {HARE, LYNX};
    char *model = read_text(path);
    dmci_interpreter *interpreter = NULL;
    dmci_fit *fit = NULL;
    dmci_status status;

    if (model == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    status = dmci_interpreter_new(&interpreter);
    if (status == DMCI_OK)
        status = dmci_fit_new(interpreter, model, names, columns, 2, YEARS, NULL, &fit);
    if (status == DMCI_OK)
        print(fit);
    else
        fputs(dmci_last_error_report(), stderr);
    dmci_fit_free(fit);
    dmci_interpreter_free(interpreter);
    free(model);
    return status == DMCI_OK ? 0 : 1;
}
