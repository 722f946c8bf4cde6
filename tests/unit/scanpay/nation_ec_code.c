/* A stand-in for NationECCode for the tests of its helper: the url says how it behaves. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "甲" in GBK */
#define NAME "\xbc\xd7"

char *NationEcTrans(const char *url, const char *in, char *out)
{
    /* A library with a scan pad of its own may not look at the code that it is given. */
    const char *code = strstr(in, "\"ecQrCode\"") && strcmp(url, "pad") ? "424" : "acquired";
    if (strcmp(url, "crash") == 0)
        abort();
    if (strcmp(url, "hang") == 0)
        sleep(600);
    if (strcmp(url, "refuse") == 0)
        return "-1";
    if (strcmp(url, "message") == 0)
        strcpy(out, "{\"code\":500159,\"message\":\"" NAME "\"}");
    else if (strcmp(url, "text") == 0)
        strcpy(out, "{\"code\":\"0\",\"data\":\"{\\\"userName\\\":\\\"" NAME "\\\",\\\"idNo\\\":\\\"1\\\","
                    "\\\"ecToken\\\":\\\"T\\\",\\\"ecQrCode\\\":\\\"Q\\\"}\"}");
    else {
        strcpy(out, "{\"code\":0,\"data\":{\"userName\":\"" NAME "\",\"idNo\":\"1\",\"idType\":\"01\","
                    "\"ecToken\":\"T\",\"ecIidexNo\":\"I\",\"ecQrCode\":\"");
        strcat(out, code);
        strcat(out, "\"}}");
    }
    return "0000";
}
