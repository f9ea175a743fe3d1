# Cross-compile for 64-bit ARM on Debian: cmake -DCMAKE_TOOLCHAIN_FILE=aarch64-linux-gnu.cmake
# (packages g++-aarch64-linux-gnu, nlohmann-json3-dev).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
