import Glibc

/// Turns Ctrl-C and a polite kill into the exit status that scripts expect, with the state kept on disk.
enum Signals {
    /// Call before any other thread starts, so that all of them leave these signals to the watcher.
    static func watch() {
        signal(SIGPIPE, SIG_IGN)
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGTERM)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { _ in
                var set = sigset_t()
                sigemptyset(&set)
                sigaddset(&set, SIGINT)
                sigaddset(&set, SIGTERM)
                var number: Int32 = 0
                sigwait(&set, &number)
                Terminal.clearLine()
                Terminal.say("harvest: interrupted; what is complete is kept, run the same command again to go on")
                _exit(128 + number)
            }, nil)
        pthread_detach(thread)
    }
}
