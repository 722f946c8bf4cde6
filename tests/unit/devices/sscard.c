/* A stand-in for a vendor's SSCardDriver library: what is in the reader is said by the file "card", which
   internal proof of the platform is right by the file "proof", else it is the specification's example. */
#include <stdio.h>
#include <string.h>

#define ID "519900D15600000510000B26FFFFFFFF"
#define RESET "00814A444686605199000001AC"

static int state(void) {
    int kind = '0';
    FILE *card = fopen("card", "r");
    if (card) { kind = fgetc(card); fclose(card); }
    return kind;
}

static long basic(char *out) {
    strcpy(out, "519900|110101190001010010|A12345678|" ID "|\xb2\xe2\xca\xd4\xd0\xd5\xc3\xfb|" RESET
                "|2.00|20200101|20300101|000000000000|SN1|");
    return 0;
}

long iReadCardBas(int type, char *out) {
    switch (state()) {
    case 'b': return type == 1 ? basic(out) : -4;
    case 'h': return -2203;
    case 'x': *(volatile int *)0 = 0; return 0;
    default: return -1;
    }
}

long iReadCardBas_HSM_Step1(int type, char *out) {
    (void)type;
    strcpy(out, "519900|" RESET "|03|" ID "|32D9E876ADB31BBF|DBF7A936D0D18C9E|98B4D293D091C331|E603E2CAADAF02B6|SN1|");
    return 0;
}

long iReadCardBas_HSM_Step2(char *proofs, char *out) {
    char right[42] = "F4A0CF965BDCEA30DBF7A936D0D18C9E|774A08ED";
    FILE *proof = fopen("proof", "r");
    if (proof) { right[fread(right, 1, 41, proof)] = 0; fclose(proof); }
    return strncmp(proofs, right, strlen(right)) ? -2204 : basic(out);
}
