// Libraries that the program loads when it first calls them: most of its start was the look-up of their symbols.
//
// Each function of theirs that the program calls is defined here under its own name; it finds the real one and calls it.
// The headers check every signature. The libraries themselves are left out of the link (Package.swift), so that a
// function without a definition here is an error there.
#define _GNU_SOURCE
#define CURL_DISABLE_TYPECHECK 1
#include <blosc.h>
#include <curl/curl.h>
#include <dlfcn.h>
#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <png.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <turbojpeg.h>

// As this release of the system calls them, or as the package with their headers does.
static const char *const curl_library[] = {"libcurl.so.4", "libcurl.so", NULL};
static const char *const xml_library[] = {"libxml2.so.2", "libxml2.so", NULL};
static const char *const png_library[] = {"libpng16.so.16", "libpng16.so", NULL};
static const char *const jpeg_library[] = {"libturbojpeg.so.0", "libturbojpeg.so", NULL};
static const char *const blosc_library[] = {"libblosc.so.1", "libblosc.so", NULL};
static const char *const crypto_library[] = {"libcrypto.so.3", "libcrypto.so", NULL};

/// The function of that name in a library, under the first of its names that is here.
static void *find(const char *name, const char *const *library) {
  // Global, so that what looks for a symbol by name finds it as if the program were linked with it.
  void *handle = NULL;
  for (; !handle && *library; library++) handle = dlopen(*library, RTLD_LAZY | RTLD_GLOBAL);
  void *found = handle ? dlsym(handle, name) : NULL;
  if (!found) {
    fprintf(stderr, "harvest: %s\n", dlerror());
    _Exit(127);  // as where the system's own loader finds none
  }
  return found;
}

#define REAL(name, library)                                                             \
  static __typeof__(&name) real;                                                        \
  __typeof__(&name) call = __atomic_load_n(&real, __ATOMIC_ACQUIRE);                    \
  if (!call) {                                                                          \
    call = (__typeof__(&name))find(#name, library);                                     \
    __atomic_store_n(&real, call, __ATOMIC_RELEASE);                                    \
  }

#define LAZY(library, result, name, parameters, arguments) \
  result name parameters {                                 \
    REAL(name, library)                                    \
    return call arguments;                                 \
  }

#define CURL_CALL(...) LAZY(curl_library, __VA_ARGS__)
CURL_CALL(CURLcode, curl_global_init, (long a), (a))
CURL_CALL(CURL *, curl_easy_init, (void), ())
CURL_CALL(void, curl_easy_cleanup, (CURL * a), (a))
CURL_CALL(void, curl_easy_reset, (CURL * a), (a))
CURL_CALL(CURLcode, curl_easy_pause, (CURL * a, int b), (a, b))
CURL_CALL(const char *, curl_easy_strerror, (CURLcode a), (a))
CURL_CALL(void, curl_free, (void *a), (a))
CURL_CALL(CURLM *, curl_multi_init, (void), ())
CURL_CALL(CURLMcode, curl_multi_cleanup, (CURLM * a), (a))
CURL_CALL(CURLMcode, curl_multi_add_handle, (CURLM * a, CURL *b), (a, b))
CURL_CALL(CURLMcode, curl_multi_remove_handle, (CURLM * a, CURL *b), (a, b))
CURL_CALL(CURLMsg *, curl_multi_info_read, (CURLM * a, int *b), (a, b))
CURL_CALL(CURLMcode, curl_multi_socket_action, (CURLM * a, curl_socket_t b, int c, int *d), (a, b, c, d))
CURL_CALL(struct curl_slist *, curl_slist_append, (struct curl_slist * a, const char *b), (a, b))
CURL_CALL(void, curl_slist_free_all, (struct curl_slist * a), (a))
CURL_CALL(CURLU *, curl_url, (void), ())
CURL_CALL(void, curl_url_cleanup, (CURLU * a), (a))
CURL_CALL(CURLUcode, curl_url_get, (CURLU * a, CURLUPart b, char **c, unsigned int d), (a, b, c, d))
CURL_CALL(CURLUcode, curl_url_set, (CURLU * a, CURLUPart b, const char *c, unsigned int d), (a, b, c, d))
CURL_CALL(const char *, curl_url_strerror, (CURLUcode a), (a))

// Their third argument is a long, a curl_off_t or a pointer: one register of 64 bits each.
#define CURL_VARIADIC(result, name, object, option)  \
  result name(object *a, option b, ...) {            \
    REAL(name, curl_library)                         \
    va_list rest;                                    \
    va_start(rest, b);                               \
    void *c = va_arg(rest, void *);                  \
    va_end(rest);                                    \
    return call(a, b, c);                            \
  }
_Static_assert(sizeof(long) == sizeof(void *) && sizeof(curl_off_t) == sizeof(void *), "64 bits");
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
CURL_VARIADIC(CURLcode, curl_easy_setopt, CURL, CURLoption)
CURL_VARIADIC(CURLcode, curl_easy_getinfo, CURL, CURLINFO)
CURL_VARIADIC(CURLMcode, curl_multi_setopt, CURLM, CURLMoption)

#define XML_CALL(...) LAZY(xml_library, __VA_ARGS__)
XML_CALL(void, xmlInitParser, (void), ())
XML_CALL(xmlParserCtxtPtr, xmlNewParserCtxt, (void), ())
XML_CALL(void, xmlFreeParserCtxt, (xmlParserCtxtPtr a), (a))
XML_CALL(void, xmlStopParser, (xmlParserCtxtPtr a), (a))
XML_CALL(
    xmlDocPtr, xmlCtxtReadMemory, (xmlParserCtxtPtr a, const char *b, int c, const char *d, const char *e, int f),
    (a, b, c, d, e, f))
XML_CALL(void, xmlFreeDoc, (xmlDocPtr a), (a))
XML_CALL(htmlParserCtxtPtr, htmlNewParserCtxt, (void), ())
XML_CALL(void, htmlFreeParserCtxt, (htmlParserCtxtPtr a), (a))
XML_CALL(
    htmlDocPtr, htmlCtxtReadMemory, (htmlParserCtxtPtr a, const char *b, int c, const char *d, const char *e, int f),
    (a, b, c, d, e, f))

#define PNG_CALL(...) LAZY(png_library, __VA_ARGS__)
PNG_CALL(void, png_image_free, (png_imagep a), (a))
PNG_CALL(
    int, png_image_write_to_memory,
    (png_imagep a, void *b, png_alloc_size_t *c, int d, const void *e, png_int_32 f, const void *g),
    (a, b, c, d, e, f, g))

#define JPEG_CALL(...) LAZY(jpeg_library, __VA_ARGS__)
JPEG_CALL(tjhandle, tjInitCompress, (void), ())
JPEG_CALL(tjhandle, tjInitDecompress, (void), ())
JPEG_CALL(int, tjDestroy, (tjhandle a), (a))
JPEG_CALL(void, tjFree, (unsigned char *a), (a))
JPEG_CALL(char *, tjGetErrorStr2, (tjhandle a), (a))
JPEG_CALL(
    int, tjDecompressHeader3,
    (tjhandle a, const unsigned char *b, unsigned long c, int *d, int *e, int *f, int *g), (a, b, c, d, e, f, g))
JPEG_CALL(
    int, tjDecompress2,
    (tjhandle a, const unsigned char *b, unsigned long c, unsigned char *d, int e, int f, int g, int h, int i),
    (a, b, c, d, e, f, g, h, i))
JPEG_CALL(
    int, tjCompress2,
    (tjhandle a, const unsigned char *b, int c, int d, int e, int f, unsigned char **g, unsigned long *h, int i, int j,
     int k),
    (a, b, c, d, e, f, g, h, i, j, k))

#define BLOSC_CALL(...) LAZY(blosc_library, __VA_ARGS__)
BLOSC_CALL(int, blosc_cbuffer_validate, (const void *a, size_t b, size_t *c), (a, b, c))
BLOSC_CALL(int, blosc_decompress_ctx, (const void *a, void *b, size_t c, int d), (a, b, c, d))
BLOSC_CALL(
    int, blosc_compress_ctx,
    (int a, int b, size_t c, size_t d, const void *e, void *f, size_t g, const char *h, size_t i, int j),
    (a, b, c, d, e, f, g, h, i, j))

#define CRYPTO_CALL(...) LAZY(crypto_library, __VA_ARGS__)
CRYPTO_CALL(const EVP_MD *, EVP_md5, (void), ())
CRYPTO_CALL(const EVP_MD *, EVP_sha1, (void), ())
CRYPTO_CALL(const EVP_MD *, EVP_sha256, (void), ())
CRYPTO_CALL(EVP_MD_CTX *, EVP_MD_CTX_new, (void), ())
CRYPTO_CALL(void, EVP_MD_CTX_free, (EVP_MD_CTX * a), (a))
CRYPTO_CALL(int, EVP_MD_CTX_copy_ex, (EVP_MD_CTX * a, const EVP_MD_CTX *b), (a, b))
CRYPTO_CALL(int, EVP_DigestInit_ex, (EVP_MD_CTX * a, const EVP_MD *b, ENGINE *c), (a, b, c))
CRYPTO_CALL(int, EVP_DigestUpdate, (EVP_MD_CTX * a, const void *b, size_t c), (a, b, c))
CRYPTO_CALL(int, EVP_DigestFinal_ex, (EVP_MD_CTX * a, unsigned char *b, unsigned int *c), (a, b, c))
CRYPTO_CALL(
    int, EVP_DigestSignInit, (EVP_MD_CTX * a, EVP_PKEY_CTX **b, const EVP_MD *c, ENGINE *d, EVP_PKEY *e),
    (a, b, c, d, e))
CRYPTO_CALL(
    int, EVP_DigestSign, (EVP_MD_CTX * a, unsigned char *b, size_t *c, const unsigned char *d, size_t e),
    (a, b, c, d, e))
CRYPTO_CALL(void, EVP_PKEY_free, (EVP_PKEY * a), (a))
CRYPTO_CALL(int, EVP_PKEY_get_base_id, (const EVP_PKEY *a), (a))
CRYPTO_CALL(
    unsigned char *, HMAC,
    (const EVP_MD *a, const void *b, int c, const unsigned char *d, size_t e, unsigned char *f, unsigned int *g),
    (a, b, c, d, e, f, g))
CRYPTO_CALL(BIO *, BIO_new_mem_buf, (const void *a, int b), (a, b))
CRYPTO_CALL(int, BIO_free, (BIO * a), (a))
CRYPTO_CALL(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO * a, EVP_PKEY **b, pem_password_cb *c, void *d), (a, b, c, d))
CRYPTO_CALL(void, ERR_clear_error, (void), ())
