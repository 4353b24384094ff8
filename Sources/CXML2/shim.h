// Debian's libxml2 shows ICU's headers to whoever includes it, and they contradict the copy that Foundation brings.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/HTMLparser.h>
