/* A plugin of QEMU: counts the instructions of the guest, and prints the count so far whenever the guest
 * writes to descriptor 999. Declares what it uses of qemu-plugin.h, which no Debian package brings. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

enum { WRITE = 64, DESCRIPTOR = 999 };
enum operation { ADD_U64 };

typedef uint64_t plugin_id;
struct block;

typedef void on_block(plugin_id, struct block*);
typedef void on_call(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                     uint64_t, uint64_t);

size_t qemu_plugin_tb_n_insns(const struct block*);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_block*);
void qemu_plugin_register_vcpu_tb_exec_inline(struct block*, enum operation, void*, uint64_t);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_call*);

EXPORT int qemu_plugin_version = 1;

static uint64_t count;

static void translated(plugin_id id, struct block* block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &count, qemu_plugin_tb_n_insns(block));
}

static void called(plugin_id id, unsigned cpu, int64_t number, uint64_t first, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
  (void)id, (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
  if (number == WRITE && first == DESCRIPTOR) fprintf(stderr, "instructions %llu\n", (unsigned long long)count);
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, called);
  return 0;
}
