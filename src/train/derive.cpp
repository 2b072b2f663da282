// The two switches of libtorch's that tch does not have.
#include <ATen/Context.h>
#include <c10/core/AutogradState.h>

// From now on what this thread derives is derived on this thread, on a GPU too. libtorch would hand a GPU's part to a thread
// of its own and wait, which at the size of these networks takes longer than the work.
extern "C" void misfit_derive_on_this_thread() {
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
}

// From now on this thread's processor takes subnormal numbers for 0, or does no more. libtorch knows how on each.
extern "C" void misfit_flush_subnormals(bool on) { at::globalContext().setFlushDenormal(on); }
