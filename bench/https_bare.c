/* bench/https_bare.c: https_bare URL CA_DIRECTORY: the least that a C program with libcurl does for one HTTPS request. */
#include <curl/curl.h>
#include <stdio.h>

static size_t ignore(char *bytes, size_t size, size_t n, void *ud) {
  (void)bytes, (void)ud;
  return size * n;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *c = curl_easy_init();
  curl_easy_setopt(c, CURLOPT_URL, argv[1]);
  curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
  curl_easy_setopt(c, CURLOPT_CAPATH, argv[2]);
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
  CURLcode code = curl_easy_perform(c);
  if (code != CURLE_OK) fprintf(stderr, "https_bare: %s\n", curl_easy_strerror(code));
  curl_easy_cleanup(c);
  curl_global_cleanup();
  return code != CURLE_OK;
}
