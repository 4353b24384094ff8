#define CURL_DISABLE_TYPECHECK 1
#include <curl/curl.h>
// What Swift's Glibc module leaves out.
#include <sys/epoll.h>
#include <sys/eventfd.h>
// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call.
static inline CURLcode ccurl_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode ccurl_offset(CURL *h, CURLoption o, curl_off_t v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode ccurl_ptr(CURL *h, CURLoption o, const void *v) { return curl_easy_setopt(h, o, v); }
typedef size_t (*ccurl_data)(char *, size_t, size_t, void *);
static inline CURLcode ccurl_callback(CURL *h, CURLoption f, ccurl_data cb, CURLoption d, void *ctx) {
  CURLcode c = curl_easy_setopt(h, f, cb);
  return c ? c : curl_easy_setopt(h, d, ctx);
}
static inline void *ccurl_private(CURL *h) {
  void *p = NULL;
  curl_easy_getinfo(h, CURLINFO_PRIVATE, &p);
  return p;
}
static inline long ccurl_info_long(CURL *h, CURLINFO i) {
  long v = 0;
  curl_easy_getinfo(h, i, &v);
  return v;
}
static inline curl_off_t ccurl_info_offset(CURL *h, CURLINFO i) {
  curl_off_t v = 0;
  curl_easy_getinfo(h, i, &v);
  return v;
}
static inline const char *ccurl_info_string(CURL *h, CURLINFO i) {
  char *v = NULL;
  curl_easy_getinfo(h, i, &v);
  return v;
}
static inline CURLcode ccurl_result(const CURLMsg *m) { return m->data.result; }
static inline CURLcode ccurl_prereq(CURL *h, curl_prereq_callback cb, void *ctx) {
  CURLcode c = curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, cb);
  return c ? c : curl_easy_setopt(h, CURLOPT_PREREQDATA, ctx);
}
typedef int (*ccurl_socket)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*ccurl_timer)(CURLM *, long, void *);
static inline void ccurl_multi_callbacks(CURLM *m, ccurl_socket s, ccurl_timer t, void *ctx) {
  curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, s);
  curl_multi_setopt(m, CURLMOPT_SOCKETDATA, ctx);
  curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, t);
  curl_multi_setopt(m, CURLMOPT_TIMERDATA, ctx);
}
// A socket that leads where it should already says so: curl connects it again, which a connected one takes (connect(2)).
static inline void ccurl_opensocket(CURL *h, curl_opensocket_callback cb) {
  curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, cb);
}
